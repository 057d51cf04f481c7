"""`genre.progress`: pieces of text for requests that stream, and the progress of trainings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from msgspec import Meta

from schemas.fields import (
    AdapterName,
    Code,
    Count,
    Genre,
    Id,
    Index,
    Line,
    RequestId,
    Tenant,
    UserId,
)

NEEDS: dict[str, tuple[str, ...]] = {
    "piece": ("request_id", "user_id", "index", "text"),
    "training": ("genre", "step", "steps"),
}
State = Literal["waiting", "preparing", "training", "checking", "published", "rejected", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Kind `piece`: the next piece of one candidate. Kind `training`: how far a training is.

    A piece has `request_id`, `user_id`, `index`, `sequence` and `text`, whole sentences that the
    safety gate lets pass; those of a candidate, joined, are its text, and more where that is
    `trimmed`; where its `draft` is not 0, another text. One with a `code` is empty and the last:
    the candidate is held back, `message` says why. A training has `genre`, `job`, `state`, `step`,
    `steps`, ... The last one of a job is `published` (`adapter`), `rejected` (`code` and `message`
    say why) or `failed` (the same; it can be tried again).
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
    job: Annotated[
        Id | None, Meta(description="The training's name, from its event or derived.")
    ] = None
    state: State | None = None
    loss: Annotated[float | None, Meta(description="Of the latest batches, nats a token.")] = None
    held_out_perplexity: float | None = None
    tokens_per_second: float | None = None
    seconds_left: Annotated[
        float | None, Meta(description="Estimated, until the checks begin.")
    ] = None
    adapter: AdapterName | None = None
    code: Code | None = None
    message: Line | None = None

    def __post_init__(self) -> None:
        missing = [name for name in NEEDS[self.kind] if getattr(self, name) is None]
        if missing:
            raise ValueError(f"Object missing required field `{missing[0]}` for kind '{self.kind}'")
