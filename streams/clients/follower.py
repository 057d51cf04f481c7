"""Following a compacted topic: every worker reads all of it into a dictionary and stays current."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from schemas.errors import InvalidEvent, discreet
from streams.clients.reader import Reader
from streams.ending import give_up
from streams.settings import Settings
from streams.wire.codecs import decode
from streams.wire.source import Source
from streams.wire.times import dated_now
from streams.wire.topics import Topic

E = TypeVar("E")

log = logging.getLogger(__name__)

# Seconds between two looks whether there is anything new, which comes at once when there is.
_AT_REST = 5.0


class Follower(Generic[E]):
    """The newest event of every key of a compacted topic.

    `on_change(key, event)` is called for every record in order; `event` is None for a tombstone,
    and its `time` no later than its record.
    Unreadable records are skipped with a warning, those that `on_change` fails on with an error: a
    compacted topic has one owner, who writes the next version.
    """

    def __init__(
        self, settings: Settings, topic: Topic, on_change: Callable[[str, E | None], None]
    ) -> None:
        self._settings = settings
        self._topic = topic
        self._on_change = on_change
        self._caught_up = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.consumer: Any = None
        """aiokafka's consumer, while the topic is read."""

    async def start(self) -> None:
        """Start to follow; return at the topic's present end. Raises what the broker raises."""
        self._task = asyncio.create_task(self._follow())
        reached = asyncio.create_task(self._caught_up.wait())
        await asyncio.wait({self._task, reached}, return_when=asyncio.FIRST_COMPLETED)
        reached.cancel()
        if self._task.done():
            self._task.result()
        self._task.add_done_callback(self._end_with)

    async def stop(self) -> None:
        """Stop following."""
        if self._task is not None:
            self._task.remove_done_callback(self._end_with)
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def _end_with(self, task: asyncio.Task[None]) -> None:
        # A worker that hears of no new versions would go on with old ones, and nobody would know.
        error = asyncio.CancelledError() if task.cancelled() else task.exception()
        give_up(f"{self._topic.name}: cannot be followed any more", error)

    async def _follow(self) -> None:
        name = self._settings.topic(self._topic.name)
        async with Reader(self._settings, name, max_poll_records=500) as reader:
            self.consumer = reader.consumer
            while not await reader.is_read():
                for record in await reader.take():
                    self._take(record)
            self._caught_up.set()
            while True:
                for record in await reader.take(within=_AT_REST):
                    self._take(record)

    def _take(self, record: Source) -> None:
        try:
            event = decode(record.value, self._topic.event) if record.value is not None else None
            event = dated_now(event, record)
        except InvalidEvent as error:
            log.warning("%s: skipped: %s", record, error)
            return
        try:
            self._on_change((record.key or b"").decode("utf-8", "replace"), event)
        except Exception as error:
            # It stands in the topic for ever: a worker that it ended would not start again.
            log.error("%s: skipped: %s", record, discreet(error))


async def take_all(
    settings: Settings, topic: Topic, on_change: Callable[[str, E | None], None]
) -> None:
    """Take what stands in a compacted topic now, as a follower takes it."""
    follower = Follower[E](settings, topic, on_change)
    await follower.start()
    await follower.stop()
