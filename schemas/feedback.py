"""`genre.feedback`: one reaction of one user to one candidate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from msgspec import Meta

from schemas.fields import (
    CandidateId,
    Genre,
    Id,
    Moment,
    Probability,
    RequestId,
    Tenant,
    UserId,
    Word,
)

FeedbackKind = Literal[
    "rating",
    "like",
    "dislike",
    "click",
    "dwell",
    "accept",
    "copy",
    "edit",
    "regenerate",
    "choose",
    "shown",
    "genre_correction",
    "retract",
    "history",
]

NEEDS: dict[str, tuple[str, ...]] = {
    "rating": ("request_id", "candidate_id", "value"),
    "like": ("request_id", "candidate_id"),
    "dislike": ("request_id", "candidate_id"),
    "click": ("request_id", "candidate_id"),
    "dwell": ("request_id", "candidate_id", "value"),
    "accept": ("request_id", "candidate_id"),
    "copy": ("request_id", "candidate_id"),
    "edit": ("request_id", "candidate_id", "text"),
    "regenerate": ("request_id",),
    "choose": ("request_id", "candidate_id"),
    "shown": ("request_id",),
    "genre_correction": ("request_id", "genre"),
    "retract": ("request_id", "retracts"),
    "history": ("value",),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Feedback:
    """One flat event with a `kind`; each kind says which other fields it needs.

    `value`: stars 1-5 for `rating`, seconds for `dwell`, 0-1 liking for `history`.
    """

    user_id: UserId
    kind: FeedbackKind
    request_id: RequestId | None = None
    candidate_id: CandidateId | None = None
    feedback_id: Annotated[
        Id | None, Meta(description="The client's id; a repeated one counts once.")
    ] = None
    tenant: Tenant | None = None
    value: float | None = None
    text: (
        Annotated[
            str,
            Meta(max_length=64 * 1024, description="`edit`: the new text; `history`: the text."),
        ]
        | None
    ) = None
    genre: Annotated[
        Genre | None,
        Meta(description="`genre_correction`: what it should have been; `history`: its genre."),
    ] = None
    features: Annotated[
        dict[Word, float] | None, Meta(description="`history`: named features.")
    ] = None
    retracts: Annotated[Id | None, Meta(description="`retract`: the feedback id to take back.")] = (
        None
    )
    probability: Probability | None = None
    time: Annotated[
        Moment | None, Meta(description="When the user reacted; absent: the record's timestamp.")
    ] = None

    def __post_init__(self) -> None:
        for name in NEEDS[self.kind]:
            if getattr(self, name) is None:
                raise ValueError(f"Object missing required field `{name}` for kind '{self.kind}'")
        self._check_value()
        candidate = self.candidate_id
        if candidate is not None and candidate.rpartition("/")[0] != self.request_id:
            raise ValueError(
                f"Expected `candidate_id` of request '{self.request_id}', got '{candidate}'"
            )

    def _check_value(self) -> None:
        value = self.value
        if self.kind == "rating" and value not in (1, 2, 3, 4, 5):
            raise ValueError(f"Expected `value` of a rating to be 1, 2, 3, 4 or 5, got {value}")
        if self.kind == "dwell" and value is not None and not 0 <= value <= 86_400:
            raise ValueError(f"Expected `value` of a dwell in seconds, 0 to 86400, got {value}")
        if self.kind == "history":
            if self.text is None and self.genre is None and self.features is None:
                raise ValueError(
                    "Object missing required field `text`, `genre` or `features` for kind 'history'"
                )
            if value is not None and not 0 <= value <= 1:
                raise ValueError(f"Expected `value` of a history between 0 and 1, got {value}")
