"""`genre.training`: texts for a genre, and the wish to train an adapter from them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from msgspec import Meta

from schemas.fields import Genre, Id, Line, Moment, Prompt, Tenant, UserId


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingEvent:
    """Kind `text`: a text of the genre. Kind `train`: train now, from all texts received for it.

    Kind `retract`: the user takes back one of their texts.
    """

    kind: Literal["text", "train", "retract"]
    genre: Genre
    family: Annotated[
        Genre | None,
        Meta(description="Of a genre that is new; absent: the genre is its own family."),
    ] = None
    tenant: Tenant | None = None
    user_id: UserId | None = None
    time: Annotated[
        Moment | None,
        Meta(
            description="`text`: when its user wrote it; absent, or later than the record: the "
            "record's time. What was written before its user was erased is not kept."
        ),
    ] = None
    text: (
        Annotated[str, Meta(max_length=256 * 1024, description="`text`: one text of the genre.")]
        | None
    ) = None
    request: (
        Annotated[Prompt, Meta(description="`text`: what somebody asked for and got this text.")]
        | None
    ) = None
    digest: (
        Annotated[
            str,
            Meta(
                pattern=r"^[0-9a-f]{64}$(?!\n)",
                description="`retract`: the text's SHA-256, hexadecimal.",
            ),
        ]
        | None
    ) = None
    document: Annotated[
        Id | None, Meta(description="Texts of one document never straddle training and held-out.")
    ] = None
    description: Annotated[
        Line | None, Meta(description="`train`: one line that describes the genre.")
    ] = None
    instruction: Annotated[
        Line | None, Meta(description="`train`: how a model is told to write the genre.")
    ] = None
    requests: Annotated[
        tuple[Prompt, ...], Meta(max_length=256, description="`train`: example requests.")
    ] = ()
    licence: Annotated[Line | None, Meta(description="`train`: of the texts.")] = None
    epochs: (
        Annotated[int, Meta(ge=1, le=10, description="`train`: passes over the texts at most.")]
        | None
    ) = None
    job: Annotated[Id | None, Meta(description="`train`: names this training in its progress.")] = (
        None
    )

    def __post_init__(self) -> None:
        if self.kind == "text" and not self.text:
            raise ValueError("Object missing required field `text` for kind 'text'")
        if self.kind == "retract" and (self.digest is None or self.user_id is None):
            missing = "digest" if self.digest is None else "user_id"
            raise ValueError(f"Object missing required field `{missing}` for kind 'retract'")
