"""Keeping what a former owner still writes from winning over the rows of a partition's owner.

A worker that was paused beyond its session goes on writing until it hears that others own its
partitions; Kafka fences its commits, not its rows. So the owner follows its own changelogs.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Container, Mapping
from functools import partial
from typing import Any, Protocol

from streams.clients.kafka import consumer
from streams.settings import Settings

log = logging.getLogger(__name__)

# Nothing waits for what is followed here. The embedded broker answers an empty fetch this late.
_FETCH_WAIT_MS = 500
_POLL_MS = 200

Confirms = Callable[[int], Awaitable[bool]]
"""Whether the group says that this worker is a member of a generation."""


class Owned(Protocol):
    """A table as the fence knows it."""

    generation: int

    async def begin_terms(self, tps: Any, confirms: Callable[[], Awaitable[bool]]) -> None: ...

    async def heed(self, tp: Any, record: Any, confirms: Callable[[], Awaitable[bool]]) -> bool: ...


class Fence:
    """Follows the changelog partitions that this worker owns, from where their recovery ended.

    Owned are those that are `assigned` now: a recovery that another rebalance overtakes ends with
    the partitions of the assignment before. Two workers that both owned one would write over each
    other's rows for ever.
    """

    def __init__(
        self, settings: Settings, confirms: Confirms, assigned: Callable[[], Container[Any]]
    ) -> None:
        self._settings = settings
        self._confirms = confirms
        self._assigned = assigned
        self._owned: dict[Any, Owned] = {}
        self._ends: dict[Any, int] = {}
        self._moved = False
        self._owns = asyncio.Event()

    async def own(self, table: Owned, ends: Mapping[Any, int]) -> None:
        """Begin to own partitions of a table, which are recovered up to these offsets."""
        assigned = self._assigned()
        owned = {tp: end for tp, end in ends.items() if tp in assigned}
        await table.begin_terms(owned, partial(self._confirms, table.generation))
        for tp, end in owned.items():
            self._owned[tp], self._ends[tp] = table, end
        self._moved = True
        self._owns.set()

    def drop(self) -> None:
        """Own nothing any more."""
        self._owned, self._ends = {}, {}
        self._owns.clear()

    async def run(self) -> None:
        """Follow for ever."""
        # Records before those that it was told to follow are none of its business.
        reader = consumer(
            self._settings, fetch_max_wait_ms=_FETCH_WAIT_MS, auto_offset_reset="latest"
        )
        await reader.start()
        try:
            while await self._owns.wait():
                if self._moved:
                    self._move(reader)
                taken = await reader.getmany(timeout_ms=_POLL_MS, max_records=500)
                for tp, records in taken.items():
                    if tp in self._assigned():
                        for record in records:
                            await self._take(tp, record)
        finally:
            await reader.stop()

    def _move(self, reader: Any) -> None:
        self._moved = False
        if self._ends:
            reader.assign(list(self._ends))
        for tp, end in self._ends.items():
            reader.seek(tp, end)

    async def _take(self, tp: Any, record: Any) -> None:
        table = self._owned.get(tp)
        # Of an earlier ownership, where it was fetched before the reader was moved.
        if table is None or self._moved or record.offset < self._ends[tp]:
            return
        if not await table.heed(tp, record, partial(self._confirms, table.generation)):
            log.warning("%s[%s] belongs to another worker", *tp)
            self._owned.pop(tp, None)
