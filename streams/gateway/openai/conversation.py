"""A conversation as one request: its last user message, and what was said before as context."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from schemas.fields import MAX_PROMPT_BYTES
from streams.gateway.openai.errors import BadParameter

# Characters of earlier messages, the newest ones: some 500 tokens, which with the request and a
# text fit into the window of the smallest base model.
_EARLIER = 2_000
_HEADING = "Earlier in this conversation:"


class Message(msgspec.Struct, kw_only=True):
    """One message; what else it has is not read."""

    role: Annotated[str, Meta(min_length=1, max_length=32)]
    content: str | list[dict[str, Any]] | None = None


def prompt_of(messages: Sequence[Message]) -> str:
    """The prompt of a conversation. Raises BadParameter where no user says anything."""
    spoken = [(each.role, words_of(each)) for each in messages]
    last = max(
        (place for place, (role, words) in enumerate(spoken) if role == "user" and words.strip()),
        default=None,
    )
    if last is None:
        raise BadParameter(
            "messages", "Expected a message of the role 'user' with a text, got none.", "no_prompt"
        )
    request = spoken[last][1]
    before = "\n".join(f"{role}: {words.strip()}" for role, words in spoken[:last] if words.strip())
    whole = f"{request}\n\n{_HEADING}\n{before[-_EARLIER:]}" if before else request
    return whole if len(whole.encode()) <= MAX_PROMPT_BYTES else request


def words_of(message: Message) -> str:
    """The text of a message, whose content may come in parts. Raises BadParameter."""
    if message.content is None:
        return ""
    if isinstance(message.content, str):
        return message.content
    parts = []
    for part in message.content:
        if part.get("type") not in ("text", "input_text") or not isinstance(part.get("text"), str):
            raise BadParameter("messages", "Expected parts of the type 'text', got another.")
        parts.append(part["text"])
    return "\n".join(parts)
