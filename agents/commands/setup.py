"""What every command starts with: settings, a running `genre up` if any, checks of its input."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TypeVar

import orjson

from schemas.errors import InvalidEvent, Rejected
from streams.clients.running import found
from streams.settings import Settings
from streams.wire.codecs import decode, encode

E = TypeVar("E")


def settings() -> Settings:
    """The settings of this process.

    Their broker is that of a running `genre up`, unless GENRE_BROKERS names another.
    """
    return found(Settings.from_environment())


def checked(kind: type[E], fields: Mapping[str, object]) -> E:
    """The event of these fields as a role would read it; a field that is None counts as absent.

    Raises InvalidEvent, so that what would end as a dead letter is not sent.
    """
    given = {name: value for name, value in fields.items() if value is not None}
    try:
        return decode(encode(given), kind)
    except InvalidEvent as error:
        message = f"This would be refused ({error.code}): {error.message}"
        raise InvalidEvent(error.code, message) from error


def moment(option: str, given: str | None) -> float | None:
    """The time that an option names, in seconds since the epoch. Raises Rejected (bad_time)."""
    if given is None:
        return None
    try:
        named = datetime.fromisoformat(given)
    except ValueError:
        raise Rejected(
            "bad_time",
            f"Expected {option} to be a time such as 2026-03-04T05:06:07Z, got {given!r}.",
        ) from None
    return (named if named.tzinfo else named.replace(tzinfo=UTC)).timestamp()


def print_json(document: object) -> None:
    """One JSON document on one line of standard output."""
    sys.stdout.write(orjson.dumps(document).decode() + "\n")
    sys.stdout.flush()
