"""`genre.users`: what a user decides about their own data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from msgspec import Meta

from schemas.fields import Moment, Tenant, UserId


@dataclass(frozen=True, slots=True, kw_only=True)
class UserCommand:
    """A user's command: `erase` all that was learned, `consent` to learning, or `explore`.

    `allowed` gives or withdraws consent, and allows or refuses exploration.
    """

    user_id: UserId
    kind: Literal["erase", "consent", "explore"]
    allowed: Annotated[bool | None, Meta(description="For `consent` and `explore`.")] = None
    tenant: Tenant | None = None
    time: Moment | None = None

    def __post_init__(self) -> None:
        if self.kind != "erase" and self.allowed is None:
            raise ValueError(f"Object missing required field `allowed` for kind '{self.kind}'")
