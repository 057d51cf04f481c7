"""`genre.recommendations`: the one terminal answer to a request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from msgspec import Meta

from schemas.fields import (
    MAX_CANDIDATES,
    AdapterName,
    CandidateId,
    Code,
    Count,
    Genre,
    Language,
    Line,
    Prompt,
    RequestId,
    Style,
    Tenant,
    UserId,
    Word,
)
from schemas.parts import NO_USAGE, BlendPart, Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class RankedCandidate:
    """One text at its place in the ranking (the tuple's order), and why, in words and numbers."""

    candidate_id: CandidateId
    text: str
    genre: Genre | None = None
    family: Word | None = None
    adapter: AdapterName | None = None
    blend: tuple[BlendPart, ...] = ()
    style: Style | None = None
    prompt: Annotated[
        Prompt | None, Meta(description="What was asked for it, where that was a suggestion.")
    ] = None
    score: float
    propensity: Annotated[
        float, Meta(ge=0.0, le=1.0, description="Probability of this candidate on top.")
    ]
    finish: Literal["stop", "length", "cancelled", "failed"]
    trimmed: Annotated[
        bool, Meta(description="Cut back to its last whole sentence, line or couplet.")
    ] = False
    draft: Annotated[
        Count,
        Meta(description="Which draft it is: pieces were of draft 0, this text may be another."),
    ] = 0
    why: Line = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recommendation:
    """Ranked candidates (`ok`) or coded `error`, `expired` or `declined`: exactly one a request."""

    request_id: RequestId
    user_id: UserId
    tenant: Tenant | None = None
    status: Literal["ok", "error", "expired", "declined"]
    code: Annotated[Code | None, Meta(description="Why there is no text; absent when `ok`.")] = None
    message: Line | None = None
    candidates: Annotated[
        tuple[RankedCandidate, ...],
        Meta(max_length=MAX_CANDIDATES, description="Best first; empty unless `ok`."),
    ] = ()
    genre: Annotated[Genre | None, Meta(description="The most probable genre of the request.")] = (
        None
    )
    language: Language | None = None
    policy: Word | None = None
    usage: Usage = NO_USAGE
