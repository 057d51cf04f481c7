"""`genre.corrections`: a user's bounded, decaying nudge of the classifier's head for one genre."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

from schemas.fields import Embedding, Genre, Moment, Tenant, UserId


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """Requests like `embedding` belong to `genre`, says this user."""

    user_id: UserId
    tenant: Tenant | None = None
    genre: Genre
    instead_of: Genre | None = None
    embedding: Embedding
    weight: Annotated[
        float, Meta(ge=0.0, le=1.0, description="At time `time`; halves every 30 days.")
    ] = 1.0
    time: Moment
