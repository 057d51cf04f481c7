"""`genre.progress`: pieces of text for requests that stream, and the progress of trainings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from msgspec import Meta

from schemas.fields import Count, Genre, Index, RequestId, Tenant, UserId


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Kind `piece`: the next piece of one candidate (`request_id`, `user_id`, `index`, `sequence`, `text`).

    Kind `training`: how far a training is (`genre`, `step`, `steps`, `loss`, `tokens_per_second`).
    """

    kind: Literal["piece", "training"]
    request_id: RequestId | None = None
    user_id: UserId | None = None
    tenant: Tenant | None = None
    index: Index | None = None
    sequence: Annotated[Count | None, Meta(description="0, 1, 2, ... within one candidate.")] = None
    text: str | None = None
    genre: Genre | None = None
    step: Count | None = None
    steps: Count | None = None
    loss: float | None = None
    held_out_perplexity: float | None = None
    tokens_per_second: float | None = None

    def __post_init__(self) -> None:
        needed = ("request_id", "user_id", "index", "text") if self.kind == "piece" else ("genre", "step", "steps")
        missing = [name for name in needed if getattr(self, name) is None]
        if missing:
            raise ValueError(f"Object missing required field `{missing[0]}` for kind '{self.kind}'")
