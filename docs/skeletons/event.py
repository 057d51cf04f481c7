"""`genre.suggestions`: texts that users propose for a genre."""

from __future__ import annotations

from dataclasses import dataclass

from schemas.fields import Genre, Id, Tenant, Text, UserId


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    """A text that a user would like to see more of in a genre."""

    user_id: UserId
    suggestion_id: Id
    genre: Genre
    text: Text
    tenant: Tenant | None = None
