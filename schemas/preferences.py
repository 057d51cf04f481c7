"""`genre.preferences`: what is believed about a user, for people and for rebuild.

A tombstone means erased.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

from schemas.fields import Count, Line, Moment, Tenant, UserId


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaning:
    """A like or dislike of the user: `mean` effect on the like-rate and its standard deviation."""

    about: Annotated[
        str, Meta(max_length=128, description="For instance 'genre joke' or 'style playful'.")
    ]
    mean: float
    deviation: Annotated[float, Meta(ge=0.0, description="Standard deviation of `mean`.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class PreferenceProfile:
    """Readable likes and dislikes with their uncertainty, and the packed row they come from."""

    user_id: UserId
    tenant: Tenant | None = None
    reactions: Count
    likes: tuple[Leaning, ...] = ()
    dislikes: tuple[Leaning, ...] = ()
    summary: Line = ""
    taste_changed: Annotated[
        Moment | None, Meta(description="When a change of taste was last found.")
    ] = None
    changes: Annotated[
        tuple[Moment, ...],
        Meta(
            description="When a change of taste was found: the newest eight, oldest first. "
            "A time names its change."
        ),
    ] = ()
    row: Annotated[bytes, Meta(max_length=256 * 1024, description="The packed row; base64.")]
    time: Moment
