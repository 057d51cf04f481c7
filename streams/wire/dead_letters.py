"""Dead letters: the record as it came, and headers that say what was wrong.

Never prompt text, never a stack trace.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256

from schemas.errors import GenreError
from streams.wire.headers import ERRORS, REKEYED, Headers, text
from streams.wire.limits import DEAD_LETTER_EXTRA_BYTES, MAX_MESSAGE_BYTES
from streams.wire.source import Source

_MESSAGE_LENGTH = 500
_CUT, _KEY_CUT = f"{ERRORS}sha256", f"{ERRORS}key_sha256"
_DROPPED = f"{ERRORS}headers_dropped"
# No key of ours is as long: a tenant, a user and a request id have 577 characters at most.
_LONGEST_KEY = 4096
_REPLAYED = f"{ERRORS}replayed"
# A compressed record may outgrow its letter; our own headers fit into the other half of the extra.
_LIMIT = MAX_MESSAGE_BYTES + DEAD_LETTER_EXTRA_BYTES // 2


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """One record for `<topic>.dlq`."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers


def dead_letter(
    source: Source,
    error: Exception,
    *,
    group: str,
    stage: str,
    attempts: int = 1,
    retryable: bool = False,
) -> DeadLetter:
    """The letter for a record that `stage` of consumer group `group` could not handle.

    After so many `attempts`; `retryable` says that a later one may succeed as it is.
    """
    original, dropped = _kept(source.headers)
    key, key_cut = _fitting(source.key, _LONGEST_KEY, _KEY_CUT)
    value, cut = _fitting(source.value, _LIMIT - _size(original) - len(key or b""), _CUT)
    why = {
        "topic": source.topic,
        "partition": str(source.partition),
        "offset": str(source.offset),
        "id": source.derived_id,
        "timestamp": str(source.timestamp),
        "group": group,
        "stage": stage,
        "code": code(error),
        "exception": type(error).__name__,
        "message": _message(error),
        "attempts": str(attempts),
        "retryable": str(retryable).lower(),
        "time": datetime.now(UTC).isoformat(),
    }
    errors = tuple((ERRORS + name, told.encode("utf-8", "replace")) for name, told in why.items())
    headers = (*original, *errors, *dropped, *key_cut, *cut)
    topic = f"{source.topic}.dlq"
    return DeadLetter(topic=topic, key=key, value=sendable(key, value), headers=headers)


def sendable(key: bytes | None, value: bytes | None) -> bytes | None:
    """The value, an empty one in place of none where there is no key either.

    aiokafka reads a record without both, and does not send one.
    """
    return b"" if key is None and value is None else value


def bare(letter: DeadLetter) -> DeadLetter:
    """The letter with its reasons alone, for a broker that takes less than was declared."""
    errors = tuple(pair for pair in letter.headers if pair[0].startswith(ERRORS))
    digest = () if is_cut(errors) else _fitting(letter.value, 0, _CUT)[1]
    return DeadLetter(
        topic=letter.topic,
        key=letter.key,
        value=sendable(letter.key, None),
        headers=(*errors, *digest),
    )


def code(error: Exception) -> str:
    """The stable code of an error; what GENRE did not raise on purpose is `internal_error`."""
    return error.code if isinstance(error, GenreError) else "internal_error"


def reasons(headers: Iterable[tuple[str, bytes]]) -> dict[str, str]:
    """The error headers of a letter without their prefix."""
    return {
        name.removeprefix(ERRORS): value.decode("utf-8", "replace")
        for name, value in headers
        if name.startswith(ERRORS)
    }


def is_cut(headers: Iterable[tuple[str, bytes]]) -> bool:
    """Whether the record was too big to be kept whole: it cannot be replayed."""
    return any(name in (_CUT, _KEY_CUT, _DROPPED) for name, _ in headers)


def place(letter: Source) -> str:
    """How people name a letter: `<partition>@<offset>`."""
    return f"{letter.partition}@{letter.offset}"


def marker(letter: Source) -> Headers:
    """The headers of the record that stands behind a letter that was replayed."""
    return ((_REPLAYED, place(letter).encode()),)


def marked(headers: Iterable[tuple[str, bytes]]) -> str | None:
    """The place of the letter that a marker is about; None for a letter."""
    return next((at.decode("utf-8", "replace") for name, at in headers if name == _REPLAYED), None)


def given_id(headers: Headers) -> str:
    """The id under which a letter's record was handled: its `ce_id`, or where it stood."""
    why = reasons(headers)
    # Letters of version 0.1.0 name the place alone, as ids did then.
    stood = f"{why.get('topic')}-{why.get('partition')}-{why.get('offset')}"
    return text(headers, "ce_id") or why.get("id", stood)


def replayed_headers(headers: Headers) -> Headers:
    """The headers of a replayed record: its own, with the id that it was handled under."""
    own = tuple(pair for pair in original_headers(headers) if pair[0] != "ce_id")
    return (*own, ("ce_id", given_id(headers).encode()))


def original_headers(headers: Iterable[tuple[str, bytes]]) -> Headers:
    """The headers that the record had before it became a letter.

    Without the one that says that it was published again: what is replayed may be once more.
    """
    own = (ERRORS, REKEYED)
    return tuple(pair for pair in headers if not pair[0].startswith(own))


def _message(error: Exception) -> str:
    # Messages of other libraries may quote what they choked on, and that may be a user's text.
    return str(error)[:_MESSAGE_LENGTH] if isinstance(error, GenreError) else "see the worker's log"


def _kept(headers: Headers) -> tuple[Headers, Headers]:
    """The record's own headers, and a note where they are too large to be kept."""
    original = tuple(pair for pair in headers if not pair[0].startswith(ERRORS))
    if _size(original) <= _LIMIT // 2:
        return original, ()
    return (), ((_DROPPED, str(len(original)).encode()),)


def _fitting(value: bytes | None, room: int, name: str) -> tuple[bytes | None, Headers]:
    """As much of the value as there is room for, and where it is cut the whole's sha256."""
    if value is None or len(value) <= room:
        return value, ()
    return value[: max(0, room)], ((name, sha256(value).hexdigest().encode()),)


def _size(headers: Headers) -> int:
    return sum(len(name.encode()) + len(value) + 10 for name, value in headers)
