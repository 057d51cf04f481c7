"""The topics that a gateway shows, followed from their present end without decoding them.

Every record names its request in a header: what no open request asks for is let pass after one look
into a dictionary, so that a replica decodes its own requests' records alone, and replicas need not
know of each other. A request's records lie in one partition of each topic: where each was read last
makes a cursor, from which any replica can read on.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from schemas.errors import InvalidEvent
from schemas.keys import user_key
from streams.clients.reader import Reader
from streams.ending import give_up
from streams.settings import Settings
from streams.wire.codecs import decode
from streams.wire.partitions import home_of
from streams.wire.source import Source
from streams.wire.topics import BY_NAME

log = logging.getLogger(__name__)

SHOWN = ("classified", "generations", "progress", "candidates", "recommendations")
"""In the order in which a request's records come, and that of a cursor's numbers."""
_CURSOR = re.compile(rf"\d{{1,18}}(-\d{{1,18}}){{{len(SHOWN) - 1}}}", re.ASCII)
_AT_REST = 5.0  # seconds; what is new comes at once


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as its records name it."""

    request_id: str
    user_id: str
    tenant: str | None

    def key(self, topic: str) -> str:
        """The key of its records on a topic."""
        user = user_key(self.user_id, self.tenant)
        return {"generations": f"{user}/{self.request_id}", "progress": self.request_id}.get(
            topic, user
        )

    def is_of(self, event: Any) -> bool:
        """Whether an event belongs to it: ids are unique for one user only."""
        return self == Asked(event.request_id, event.user_id, event.tenant)


@dataclass(frozen=True, slots=True)
class Seen:
    """One event of a request, and the cursor behind it."""

    topic: str
    event: Any
    cursor: str


@dataclass(slots=True)
class Watch:
    """What comes for one request, each record once."""

    asked: Asked
    ends: list[int]
    """The next offset on each topic of SHOWN."""
    records: asyncio.Queue[tuple[str, Source]] = field(default_factory=asyncio.Queue)

    async def next(self) -> Seen:
        """The next event that comes."""
        while True:
            seen = self.take(*await self.records.get())
            if seen is not None:
                return seen

    def take(self, topic: str, record: Source) -> Seen | None:
        """The event of a record that is the request's own and was not taken before."""
        place = SHOWN.index(topic)
        if record.offset < self.ends[place]:
            return None
        try:
            event = decode(record.value, BY_NAME[topic].event)
        except InvalidEvent as error:
            log.warning("%s: skipped: %s", record, error)
            return None
        if not self.asked.is_of(event):
            return None
        self.ends[place] = record.offset + 1
        return Seen(topic, event, "-".join(map(str, self.ends)))


class Journal:
    """Follows the topics of SHOWN; `start` it, `stop` it at the end."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._watches: dict[bytes, list[Watch]] = {}
        self._ends: dict[str, dict[int, int]] = {topic: {} for topic in SHOWN}
        self._tasks: list[asyncio.Task[None]] = []
        self.observers: list[Callable[[str, Source], None]] = []
        """Are called with every record and its topic; they must not fail."""

    async def start(self) -> None:
        """Follow from now on. Raises what the broker raises."""
        readers = [
            Reader(
                self._settings, self._settings.topic(topic), beginning=False, max_poll_records=500
            )
            for topic in SHOWN
        ]
        await asyncio.gather(*(reader.__aenter__() for reader in readers))
        for topic, reader in zip(SHOWN, readers, strict=True):
            self._ends[topic] = reader.ends
            task = asyncio.create_task(self._follow(topic, reader))
            task.add_done_callback(_end_with)
            self._tasks.append(task)

    async def stop(self) -> None:
        """Stop following."""
        for task in self._tasks:
            task.remove_done_callback(_end_with)
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @contextmanager
    def watching(self, asked: Asked, ends: Sequence[int] | None = None) -> Iterator[Watch]:
        """Watch for a request's records: those that come from now on, or behind a cursor's `ends`.

        What is behind them already is not in the watch: `missed` reads it.
        """
        watch = Watch(asked, list(ends) if ends is not None else self._now(asked))
        correlation = asked.request_id.encode()
        self._watches.setdefault(correlation, []).append(watch)
        try:
            yield watch
        finally:
            self._watches[correlation].remove(watch)
            if not self._watches[correlation]:
                del self._watches[correlation]

    def notice(self, topic: str, record: Source) -> None:
        """Hand a record to whoever waits for its request."""
        self._ends[topic][record.partition] = record.offset + 1
        for observe in self.observers:
            try:
                observe(topic, record)
            except Exception:  # one that only watches ends no gateway
                log.exception("a record of %s could not be measured", topic)
        for watch in self._watches.get(_correlation(record), ()):
            watch.records.put_nowait((topic, record))

    def is_watched(self, asked: Asked) -> bool:
        """Whether anybody here waits for a request."""
        return any(
            watch.asked == asked for watch in self._watches.get(asked.request_id.encode(), ())
        )

    async def missed(self, watch: Watch) -> AsyncIterator[Seen]:
        """What came behind the cursor of a watch before it began."""
        for place, (topic, end) in enumerate(zip(SHOWN, self._now(watch.asked), strict=True)):
            if watch.ends[place] >= end:
                continue
            name, key = self._settings.topic(topic), watch.asked.key(topic)
            async with Reader(self._settings, name, key=key) as reader:
                begin, _ = await reader.extent()
                async for record in reader.between(max(begin, watch.ends[place]), end):
                    if _correlation(record) == watch.asked.request_id.encode():
                        seen = watch.take(topic, record)
                        if seen is not None:
                            yield seen

    def _now(self, asked: Asked) -> list[int]:
        homes = [home_of(asked.key(topic), self._settings.partitions) for topic in SHOWN]
        return [self._ends[topic].get(home, 0) for topic, home in zip(SHOWN, homes, strict=True)]

    async def _follow(self, topic: str, reader: Reader) -> None:
        try:
            while True:
                for record in await reader.take(within=_AT_REST):
                    self.notice(topic, record)
        finally:
            await reader.__aexit__(None, None, None)


def ends_of(cursor: str | None) -> tuple[int, ...] | None:
    """The numbers of a cursor; None for what is none.

    >>> ends_of("1-2-3-4-5"), ends_of("1-2"), ends_of("x")
    ((1, 2, 3, 4, 5), None, None)
    """
    if cursor is None or not _CURSOR.fullmatch(cursor):
        return None
    return tuple(map(int, cursor.split("-")))


def _correlation(record: Source) -> bytes:
    return next((value for name, value in record.headers if name == "ce_correlationid"), b"")


def _end_with(task: asyncio.Task[None]) -> None:
    # A gateway that hears of no answers would let everybody wait, and nobody would know.
    error = asyncio.CancelledError() if task.cancelled() else task.exception()
    give_up("the topics cannot be followed any more", error)
