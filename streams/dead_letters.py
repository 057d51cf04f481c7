"""Dead letters: the record as it came, and headers that say what was wrong. Never prompt text, never a stack trace."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256

from schemas.errors import GenreError, Transient
from streams.delivery import Source
from streams.headers import ERRORS, Headers
from streams.topics import DEAD_LETTER_EXTRA_BYTES, MAX_MESSAGE_BYTES

_MESSAGE_LENGTH = 500
_CUT = f"{ERRORS}sha256"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """One record for `<topic>.dlq`."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers


def dead_letter(source: Source, error: Exception, *, group: str, stage: str, attempts: int = 1) -> DeadLetter:
    """The letter for a record that `stage` of consumer group `group` could not handle."""
    value, cut = _fitting(source.value)
    why = {
        "topic": source.topic,
        "partition": str(source.partition),
        "offset": str(source.offset),
        "timestamp": str(source.timestamp),
        "group": group,
        "stage": stage,
        "code": code(error),
        "exception": type(error).__name__,
        "message": _message(error),
        "attempts": str(attempts),
        "retryable": str(isinstance(error, Transient)).lower(),
        "time": datetime.now(UTC).isoformat(),
    }
    errors = tuple((ERRORS + name, text.encode("utf-8", "replace")) for name, text in why.items())
    original = tuple(pair for pair in source.headers if not pair[0].startswith(ERRORS))
    return DeadLetter(topic=f"{source.topic}.dlq", key=source.key, value=value, headers=(*original, *errors, *cut))


def code(error: Exception) -> str:
    """The stable code of an error; anything that GENRE did not raise on purpose is `internal_error`."""
    return error.code if isinstance(error, GenreError) else "internal_error"


def reasons(headers: Iterable[tuple[str, bytes]]) -> dict[str, str]:
    """The error headers of a letter without their prefix."""
    return {
        name.removeprefix(ERRORS): value.decode("utf-8", "replace")
        for name, value in headers
        if name.startswith(ERRORS)
    }


def original_headers(headers: Iterable[tuple[str, bytes]]) -> Headers:
    """The headers that the record had before it became a letter."""
    return tuple(pair for pair in headers if not pair[0].startswith(ERRORS))


def _message(error: Exception) -> str:
    # Messages of other libraries may quote what they choked on, and that may be a user's text.
    return str(error)[:_MESSAGE_LENGTH] if isinstance(error, GenreError) else "see the worker's log"


def _fitting(value: bytes | None) -> tuple[bytes | None, Headers]:
    limit = MAX_MESSAGE_BYTES + DEAD_LETTER_EXTRA_BYTES // 2
    if value is None or len(value) <= limit:
        return value, ()
    return value[:limit], ((_CUT, sha256(value).hexdigest().encode()),)
