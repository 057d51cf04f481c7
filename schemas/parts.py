"""The parts that several events share. Each is a frozen dataclass, so that msgspec can validate it by path."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

from schemas.fields import AdapterName, Code, Genre, Line, Probability


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why something could not be done: a stable code for programs, a message for people."""

    code: Code
    message: Line


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyTo:
    """Where the client wants the terminal answer as well, from the request's reply headers."""

    topic: Annotated[str, Meta(min_length=1, max_length=249, pattern=r"^[A-Za-z0-9._-]+$(?!\n)")]
    partition: Annotated[int, Meta(ge=0)] | None = None
    correlation_id: Annotated[str, Meta(max_length=512)] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GenreProbability:
    """One entry of the classifier's calibrated distribution."""

    genre: Genre
    probability: Probability


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The safety gate's decision about a text."""

    allowed: bool
    code: Code | None = None
    reason: Line | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BlendPart:
    """One adapter of a blend and its weight (weights of a blend sum to 1)."""

    adapter: AdapterName
    weight: Annotated[float, Meta(gt=0.0, le=1.0)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens read and written for one request, and the seconds that the model spent on it."""

    tokens_in: Annotated[int, Meta(ge=0)] = 0
    tokens_out: Annotated[int, Meta(ge=0)] = 0
    seconds: Annotated[float, Meta(ge=0.0)] = 0.0
