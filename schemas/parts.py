"""Parts that several events share: frozen dataclasses, so that msgspec validates them by path."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

from schemas.fields import (
    AdapterName,
    Code,
    Count,
    Genre,
    Line,
    MaxTokens,
    MinP,
    Probability,
    RepetitionPenalty,
    Share,
    Temperature,
    TopP,
)

_LATIN_1 = r"^[\x00-\xff]*$(?!\n)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why something could not be done: a stable code for programs, a message for people."""

    code: Code
    message: Line


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyTo:
    """Where the client wants the terminal answer as well, from the request's reply headers."""

    topic: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=249,
            pattern=r"^[A-Za-z0-9._-]+$(?!\n)",
            description="A topic's name.",
        ),
    ]
    partition: (
        Annotated[int, Meta(ge=0, lt=2**31, description="Absent: the key decides.")] | None
    ) = None
    correlation_id: (
        Annotated[str, Meta(max_length=512, pattern=_LATIN_1, description="Its bytes, as Latin-1.")]
        | None
    ) = None


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


ALLOWED = Verdict(allowed=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class BlendPart:
    """One adapter of a blend and its weight (weights of a blend sum to 1)."""

    adapter: AdapterName
    weight: Share


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplingParameters:
    """How long a text is and how its tokens are drawn; what is absent is for others to say."""

    usual_tokens: (
        Annotated[MaxTokens, Meta(description="From so many tokens on, it may well end.")] | None
    ) = None
    max_tokens: MaxTokens | None = None
    temperature: Temperature | None = None
    top_p: TopP | None = None
    min_p: MinP | None = None
    repetition_penalty: RepetitionPenalty | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens read and written for one request, and the seconds that the model spent on it."""

    tokens_in: Count = 0
    tokens_out: Count = 0
    seconds: Annotated[float, Meta(ge=0.0, description="Of the model's time.")] = 0.0


NO_USAGE = Usage()
