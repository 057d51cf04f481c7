"""How long each step of a request takes, and how many tokens are written: as the log passes by.

Measured from the times of a request's records, of which the journal sees all; two events a request
are looked into, for one field each, and only while somebody watches.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping
from datetime import datetime
from statistics import median
from typing import NamedTuple

import msgspec

from streams.wire.source import Source

PATH = ("requests", "classified", "generations", "candidates", "recommendations")
"""The topics that a request passes; each step is named after the topic that it reads."""
WHOLE = "whole"
"""The step from the request to its recommendation."""

_WINDOW = 60.0  # seconds that are remembered
_MOST = 20_000  # records, and delays of a step, that are remembered at most
_WATCHED = 60.0  # seconds after somebody has last looked


class _Usage(msgspec.Struct):
    tokens_out: int = 0


class _Written(msgspec.Struct):
    usage: _Usage | None = None


class _Classified(msgspec.Struct):
    received: datetime


class Delay(NamedTuple):
    """Seconds that a step took within the last minute, in the middle and for the slowest 5 %."""

    median: float
    slow: float


class Meter:
    """Fed with records by `notice`; measures for a minute after each `watch`."""

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._until = 0.0
        self._begun = 0.0
        self._seen: dict[tuple[str, bytes], float] = {}
        self._delays: dict[str, deque[tuple[float, float]]] = {}
        self._tokens: deque[tuple[float, int]] = deque(maxlen=_MOST)

    def watch(self) -> None:
        """Go on measuring; what was measured before a pause is forgotten."""
        now = self._now()
        if now > self._until:
            self._begun = now
            self._seen, self._delays = {}, {}
            self._tokens.clear()
        self._until = now + _WATCHED

    def notice(self, topic: str, record: Source) -> None:
        """Measure a record of a topic that the journal shows."""
        if topic not in PATH or self._now() > self._until:
            return
        request = next((value for name, value in record.headers if name == "ce_correlationid"), b"")
        if not request:
            return
        if topic == "classified" and (received := _received(record)) is not None:
            self._remember(PATH[0], request, received)
        if topic == "candidates":
            self._tokens.append((self._now(), _tokens(record)))
        self._step(PATH[PATH.index(topic) - 1], request, record.timestamp)
        if topic == PATH[-1]:
            self._step(PATH[0], request, record.timestamp, name=WHOLE)
        self._remember(topic, request, record.timestamp)

    def delays(self) -> Mapping[str, Delay]:
        """Of each step that somebody's request took within the last minute."""
        since = self._now() - _WINDOW
        recent = {
            step: sorted(seconds for at, seconds in taken if at >= since)
            for step, taken in self._delays.items()
        }
        return {
            step: Delay(median(each), each[int(0.95 * (len(each) - 1))])
            for step, each in recent.items()
            if each
        }

    def tokens_per_second(self, within: float = 10.0) -> float | None:
        """Tokens of the candidates that came lately; None before anything could be measured."""
        now = self._now()
        seconds = min(within, now - self._begun)
        if seconds < 1.0:
            return None
        return sum(count for at, count in self._tokens if at >= now - seconds) / seconds

    def _step(self, before: str, request: bytes, at: float, *, name: str | None = None) -> None:
        begun = self._seen.get((before, request))
        if begun is not None:
            taken = self._delays.setdefault(name or before, deque(maxlen=_MOST))
            # Clocks of two machines: what comes is never earlier than what it comes of.
            taken.append((self._now(), max(0.0, at - begun)))

    def _remember(self, topic: str, request: bytes, at: float) -> None:
        self._seen.setdefault((topic, request), at)
        while len(self._seen) > _MOST:
            del self._seen[next(iter(self._seen))]


def _received(record: Source) -> float | None:
    try:
        return msgspec.json.decode(record.value or b"", type=_Classified).received.timestamp()
    except (msgspec.MsgspecError, ValueError, OverflowError):
        return None


def _tokens(record: Source) -> int:
    try:
        usage = msgspec.json.decode(record.value or b"", type=_Written).usage
    except (msgspec.MsgspecError, ValueError):
        return 0
    return max(0, usage.tokens_out) if usage is not None else 0
