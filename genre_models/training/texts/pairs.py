"""Where a row of a data set keeps a text and the request that it answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from genre_models.files import Columns
from genre_models.files.table import listed

FIELDS = ("text", "content", "body")
# (request, text) by column; a text without a request is asked for by one that is made of it.
PAIRS = (
    ("instruction", "output"),
    ("instruction", "response"),
    ("prompt", "completion"),
    ("prompt", "response"),
    ("question", "answer"),
    *((request, field) for request in ("request", "prompt", "instruction") for field in FIELDS),
)
_WORDS = ("content", "value", "parts")
INPUTS = ("input", "context")  # what an instruction is about, where it stands apart
TALKS = ("messages", "conversations", "conversation", "contents")
_SPEAKERS = {"system", "developer", "user", "assistant", "tool"}
_WHO = {"human": "user"} | dict.fromkeys(("gpt", "bot", "chatbot", "model"), "assistant")


class Pair(NamedTuple):
    """A text and the request that it answers, where that is known."""

    text: str
    request: str | None


class Unlike(ValueError):
    """A row without a text; says (expected, got) in words."""

    def __init__(self, expected: str, got: str) -> None:
        super().__init__(expected, got)
        self.expected, self.got = expected, got


def columns(column: str | None) -> Columns:
    """Which columns of a table hold texts; `column` names the text's where it is none of those."""
    texts = [column] if column else [*FIELDS, *(text for _, text in PAIRS)]
    return Columns(
        read=frozenset({*texts, *(request for request, _ in PAIRS), *INPUTS, "document"}),
        fit=lambda names: _place(names.__contains__, column) is not None,
        expected=f"a column {column}"
        if column
        else "a column text, content or body (or instruction and output, prompt and completion; "
        "--column names another)",
    )


def pair(row: Mapping[str, Any], column: str | None = None) -> Pair:
    """The text of a row, by folded names, and its request.

    Of a conversation these are the last assistant's message and the last user's before it; what a
    system message says is left to the genre's own instruction. A message alone is none: it may be
    the user's. Raises Unlike.
    """
    talk = next((row[name] for name in TALKS if isinstance(row.get(name), list)), None)
    if talk is not None and column is None:
        return _last_turn(talk)
    if column is None and _who(row) in _SPEAKERS:
        raise Unlike(
            "whole conversations, each an object with `messages`,",
            "one message: --column takes every message as a text",
        )
    place = _place(row.__contains__, column)
    if place is None:
        raise Unlike(columns(column).expected, listed(row))
    request, text = place
    if isinstance(row[text], list):
        before = row.get(request or "")
        return _last_turn([*(before if isinstance(before, list) else ()), *row[text]])
    if not isinstance(row[text], str):
        raise Unlike(f"a text in the field {text!r}", _shown(row[text]))
    return Pair(row[text], _request(row, request))


def _place(has: Callable[[str], bool], column: str | None) -> tuple[str | None, str] | None:
    if column:
        asked = (request for request, _ in PAIRS if request != column)
        return (next(filter(has, asked), None), column) if has(column) else None
    pairs = ((request, text) for request, text in PAIRS if has(request) and has(text))
    alone = ((None, text) for text in FIELDS if has(text))
    return next(pairs, None) or next(alone, None)


def _request(row: Mapping[str, Any], name: str | None) -> str | None:
    value = row.get(name or "")
    if value is None:
        return None
    if not isinstance(value, str):
        raise Unlike(f"a text in the field {name!r}", _shown(value))
    about = next((row[each] for each in INPUTS if isinstance(row.get(each), str)), "")
    parts = [value, about] if name == "instruction" else [value]
    return "\n\n".join(part.strip() for part in parts if part.strip()) or None


def _last_turn(talk: Sequence[Any]) -> Pair:
    said = [_message(each) for each in talk]
    last = max((at for at, (who, _) in enumerate(said) if who == "assistant"), default=None)
    if last is None:
        raise Unlike("a message of the assistant", f"{len(said)} messages of others")
    asked = [words for who, words in said[:last] if who == "user" and words.strip()]
    return Pair(said[last][1], asked[-1].strip() if asked else None)


def _message(message: Any) -> tuple[str, str]:
    if not isinstance(message, Mapping):
        raise Unlike("messages with role and content", _shown(message))
    who = _who(message)
    words = next((message[name] for name in _WORDS if name in message), None)
    if isinstance(words, list):  # parts, as some interfaces send them
        words = "".join(
            part["text"]
            for part in words
            if isinstance(part, Mapping) and isinstance(part.get("text"), str)
        )
    # Without words: a message that calls a tool.
    words = "" if words is None else words
    if who is None or not isinstance(words, str):
        raise Unlike("messages with role and content", listed(message))
    return who, words


def _who(message: Mapping[str, Any]) -> str | None:
    name = message.get("role", message.get("from"))
    return _WHO.get(name.casefold(), name.casefold()) if isinstance(name, str) else None


def _shown(value: Any) -> str:
    if value is None:
        return "null, or a row that ends before it: give it a text or leave the row out"
    return f"{type(value).__name__} {str(value)[:40]!r}"
