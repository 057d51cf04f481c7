"""`genre.candidates`: what was written for one request, or the coded failure that stopped it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from msgspec import Meta

from schemas.fields import (
    MAX_CANDIDATES,
    Count,
    Index,
    Line,
    Probability,
    Projection,
    RequestId,
    Tenant,
    Text,
    UserId,
)
from schemas.parts import ALLOWED, NO_USAGE, Failure, ReplyTo, Usage, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One text with all that `recommend` needs to judge it without a model."""

    index: Index
    text: Text
    finish: Annotated[
        Literal["stop", "length", "cancelled", "failed"], Meta(description="Why writing ended.")
    ]
    logprob: Annotated[float, Meta(le=0.0, description="Mean log-probability a token, nats.")] = 0.0
    tokens: Count = 0
    trimmed: Annotated[
        bool, Meta(description="Cut back to its last whole sentence, line or couplet.")
    ] = False
    broken_off: Annotated[
        bool | None,
        Meta(description="Whether it lacks its end; absent: it does where `finish` is `length`."),
    ] = None
    projection: Projection | None = None
    text_probability: Annotated[
        Probability, Meta(description="How much the text reads like its genre.")
    ] = 0.0
    judged: Annotated[
        Probability | None,
        Meta(description="How probably it is a good answer to the request; absent: not judged."),
    ] = None
    remarks: Annotated[Line, Meta(description="What speaks against it, in words.")] = ""
    draft: Annotated[
        Count, Meta(description="Which of its arm's drafts it is; pieces are of draft 0.")
    ] = 0
    verdict: Verdict = ALLOWED
    failure: Failure | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CandidateSet:
    """The candidates of one request; the first set of a request wins."""

    request_id: RequestId
    user_id: UserId
    tenant: Tenant | None = None
    candidates: Annotated[
        tuple[Candidate, ...],
        Meta(max_length=MAX_CANDIDATES, description="In the order of the arms."),
    ] = ()
    usage: Usage = NO_USAGE
    base: Annotated[
        str,
        Meta(max_length=128, description="First 12 hex digits of the base model's fingerprint."),
    ] = ""
    failure: Failure | None = None
    reply: Annotated[
        ReplyTo | None, Meta(description="Where else to answer, for a request that has no row.")
    ] = None
