"""`genre.generations`: the arms of one request, ready for any generate worker."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

from msgspec import Meta

from schemas.fields import (
    MAX_CANDIDATES,
    AdapterName,
    Embedding,
    Genre,
    Index,
    Line,
    MaxTokens,
    Moment,
    Probability,
    Prompt,
    RequestId,
    Salt,
    Seed,
    Style,
    Temperature,
    Tenant,
    TopP,
    UserId,
    Word,
)
from schemas.parts import BlendPart, SamplingParameters


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmTask:
    """One candidate to write: its genre, its adapter or blend, its style and its seed."""

    index: Index
    genre: Annotated[
        Genre | None, Meta(description="Absent: the base model answers the prompt as it is.")
    ] = None
    family: Word | None = None
    adapter: AdapterName | None = None
    blend: tuple[BlendPart, ...] = ()
    style: Style | None = None
    probability: Annotated[
        Probability, Meta(description="The classifier's probability of the genre.")
    ] = 0.0
    propensity: Annotated[
        float, Meta(gt=0.0, le=1.0, description="With which probability this arm was chosen.")
    ] = 1.0
    seed: Seed
    reason: Annotated[Line, Meta(description="Why this arm, in words.")] = ""
    salts: Annotated[
        dict[Genre, Salt],
        Meta(description="Of its genres, where not 4027, as they were when the arm was chosen."),
    ] = field(default_factory=dict)
    sampling: Annotated[
        SamplingParameters | None, Meta(description="Of this arm; absent: the task's.")
    ] = None
    prompt: Annotated[
        Prompt | None, Meta(description="What is asked of this arm; absent: the task's.")
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationTask:
    """All arms of one request, written together and answered by one CandidateSet."""

    request_id: RequestId
    user_id: UserId
    tenant: Tenant | None = None
    prompt: Prompt
    lines: Annotated[
        tuple[Line, ...], Meta(description="Further instructions: language, prompt card.")
    ] = ()
    arms: Annotated[
        tuple[ArmTask, ...],
        Meta(min_length=1, max_length=MAX_CANDIDATES, description="One arm a candidate."),
    ]
    max_tokens: MaxTokens
    temperature: Temperature
    top_p: TopP
    stream: bool = False
    repeatable: Annotated[
        bool,
        Meta(
            description="The client chose the seed: as many drafts are written however busy it is."
        ),
    ] = False
    embedding: Annotated[
        Embedding | None, Meta(description="Of the prompt; absent: whoever needs it computes it.")
    ] = None
    deadline: Moment
