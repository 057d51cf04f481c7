"""Which times are believed: a clock that was never set, or is ahead, decides about nothing."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, TypeVar

from streams.wire.source import Source
from streams.wire.topics import Topic

E = TypeVar("E")

TOLERANCE = 60.0
"""Seconds that a clock may be ahead."""

# Records have had times since Kafka 0.10: an earlier one is no time, or seconds for milliseconds.
_FIRST = datetime(2016, 5, 24, tzinfo=UTC).timestamp()
_LAST = datetime(9999, 1, 1, tzinfo=UTC).timestamp()


def is_misdated(source: Source, topic: Topic, now: float) -> bool:
    """Whether a record's time cannot be true, as seen at `now` (seconds).

    Clients set the time of what they write, unless the broker does: that one is believed.
    """
    if not topic.written_by_clients or source.is_appended:
        return False
    return not _FIRST <= source.timestamp <= now + TOLERANCE


def dated(event: E, latest: float) -> E:
    """The event, its `time` at most `latest` (seconds) and a little.

    One of 1970 becomes `latest` too: clients that have no time send the beginning of the epoch.
    """
    named: Any = getattr(event, "time", None)
    if named is None or not _FIRST <= latest < _LAST:
        return event
    if 0 < named.timestamp() <= latest + TOLERANCE:
        return event
    return replace(event, time=datetime.fromtimestamp(latest, UTC))  # type: ignore[type-var]


def dated_now(event: E, source: Source) -> E:
    """The event as `dated` by its record; by now, where the record's own time cannot be true."""
    now = time.time()
    return dated(event, source.timestamp if _FIRST <= source.timestamp <= now else now)
