"""`genre.requests` and `genre.cancellations`: what a client asks for, and no longer wants."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

from schemas.fields import (
    MAX_CANDIDATES,
    MAX_PROMPT_BYTES,
    GenreOrAdapter,
    Language,
    MaxTokens,
    MinP,
    Moment,
    Prompt,
    RepetitionPenalty,
    RequestId,
    Seed,
    Short,
    Style,
    Temperature,
    Tenant,
    TopP,
    UserId,
    Word,
)

Context = Annotated[
    dict[Word, Short],
    Meta(
        max_length=32, description="Flat map of short strings: locale, channel, time of day, tags."
    ),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationRequest:
    """A wish for text. Only `user_id` and `prompt` are required; everything else has a default.

    That of length and sampling is the genre's. In place of `prompt`, `suggest` asks for what the
    user will probably want.
    """

    user_id: UserId
    prompt: Prompt | None = None
    suggest: Annotated[
        bool,
        Meta(description="Without a `prompt`: genres and topics are chosen for the user."),
    ] = False
    request_id: RequestId | None = None
    tenant: Tenant | None = None
    genre: GenreOrAdapter | None = None
    candidates: Annotated[
        int, Meta(ge=1, le=MAX_CANDIDATES, description="How many texts to write and rank.")
    ] = 4
    max_tokens: MaxTokens | None = None
    temperature: Temperature | None = None
    top_p: TopP | None = None
    min_p: MinP | None = None
    repetition_penalty: RepetitionPenalty | None = None
    seed: Annotated[
        Seed | None,
        Meta(description="Of the texts alone: which arms write and in which order stays chance."),
    ] = None
    language: Language | None = None
    style: Style | None = None
    context: Context | None = None
    stream: Annotated[
        bool, Meta(description="Publish pieces of text on `genre.progress` as they are written.")
    ] = False
    deadline: Moment | None = None

    def __post_init__(self) -> None:
        if self.prompt is None and not self.suggest:
            raise ValueError("Without `suggest`: object missing required field `prompt`")
        if self.prompt is not None and self.suggest:
            raise ValueError("Expected `prompt` or `suggest`, got both; leave one of them out")
        size = len((self.prompt or "").encode())
        if size > MAX_PROMPT_BYTES:
            raise ValueError(
                f"Expected `prompt` of at most {MAX_PROMPT_BYTES} bytes of UTF-8, got {size}"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancel:
    """The client no longer wants the answer; generation stops at the next step."""

    request_id: RequestId
    user_id: UserId
    tenant: Tenant | None = None
