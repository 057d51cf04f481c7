"""`genre.decisions`: what was shown to whom, how probably; the log for evaluation and rebuild."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

from schemas.fields import (
    AdapterName,
    FeaturesVersion,
    Genre,
    Index,
    Moment,
    RequestId,
    Seed,
    Share,
    Style,
    Tenant,
    UserId,
    Word,
)
from schemas.parts import BlendPart


@dataclass(frozen=True, slots=True, kw_only=True)
class DecidedCandidate:
    """One candidate as the policy saw it: in order of `score` plus `quality` but for chance.

    One that is `broken_off` stands behind all that are not.
    """

    index: Index
    position: Annotated[Index, Meta(description="Rank at which it was shown, 0 is the top.")]
    genre: Genre | None = None
    adapter: AdapterName | None = None
    blend: tuple[BlendPart, ...] = ()
    style: Style | None = None
    arm_propensity: Share
    propensity: Annotated[
        float, Meta(ge=0.0, le=1.0, description="Probability of this candidate on top.")
    ]
    score: Annotated[
        float, Meta(description="Expected liking, 0 to 1 or a little beyond: what is learned from.")
    ]
    quality: Annotated[
        float | None,
        Meta(description="What the text's quality adds to `score`; absent: it was not logged."),
    ] = None
    broken_off: Annotated[bool, Meta(description="Whether its text lacks its end.")] = False
    seed: Annotated[
        Seed | None, Meta(description="With which its text was written; absent: not logged.")
    ] = None
    features: Annotated[
        bytes, Meta(max_length=4096, description="Feature vector, little-endian float16; base64.")
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """All that is needed to learn from later feedback and to evaluate another policy offline.

    `seed` is that of chance: arms, policy, evaluation slice and order are drawn from it, and no
    client can choose it. A request's own seed decides its texts alone: each candidate's `seed`
    follows from it.
    """

    request_id: RequestId
    user_id: UserId
    tenant: Tenant | None = None
    time: Moment
    policy: Word
    seed: Annotated[
        int, Meta(ge=0, le=2**63 - 1, description="Of the draws that chose; never the client's.")
    ]
    features_version: FeaturesVersion
    reactions: Annotated[
        int, Meta(ge=0, description="Reactions learned from this user before the decision.")
    ] = 0
    candidates: tuple[DecidedCandidate, ...]
