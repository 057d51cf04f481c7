"""`genre.classified`: a request together with everything that `classify` found out about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from msgspec import Meta

from schemas.fields import (
    Embedding,
    Language,
    Moment,
    Probability,
    RequestId,
    Short,
    Tenant,
    UserId,
    Word,
)
from schemas.parts import (
    ALLOWED,
    Failure,
    GenreProbability,
    ReplyTo,
    SamplingParameters,
    Verdict,
)
from schemas.requests import GenerationRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassifiedRequest:
    """The request with genre probabilities, language and safety verdict, or what stopped it.

    `request.prompt` is neutralised: it holds no marker of a chat template. `request` says length
    and sampling in numbers, also where the client left them to the genre, and has a prompt, also
    where the client asked for a suggestion: `topics` tells those. A `language_confidence` of 1
    means that the client named the language, or that there is no doubt: it is written in.
    """

    request_id: RequestId
    user_id: UserId
    tenant: Tenant | None = None
    request: GenerationRequest
    received: Moment
    deadline: Moment
    genres: Annotated[
        tuple[GenreProbability, ...],
        Meta(description="Most probable first; empty after a failure."),
    ] = ()
    family: Word | None = None
    fallback: Annotated[
        Literal["none", "family", "base"],
        Meta(description="'family' or 'base' when no genre is known with confidence."),
    ] = "none"
    language: Language | None = None
    language_confidence: Probability = 0.0
    verdict: Verdict = ALLOWED
    embedding: Embedding | None = None
    asked: Annotated[
        SamplingParameters | None,
        Meta(description="What the client said of length and sampling; absent: all of `request`."),
    ] = None
    topics: Annotated[
        tuple[Short, ...] | None,
        Meta(description="Of a suggestion: what its context names; absent: its prompt was asked."),
    ] = None
    reply: ReplyTo | None = None
    failure: Failure | None = None
