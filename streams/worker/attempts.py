"""How often an event was begun: a file tells it, also after a kill.

An event that is in hand whenever its worker dies is the reason, sooner or later. What was in hand
at a death is a suspect: at the next start events are begun one at a time, so that only the guilty
one is in hand again.
"""

from __future__ import annotations

import asyncio
import mmap
import struct
from collections import OrderedDict
from collections.abc import Iterable
from hashlib import blake2b
from pathlib import Path

from streams.wire.source import Source

MOST = 3
"""An event that was in hand at so many deaths in a row is not begun again."""

# Seconds: for so long after the first event, at most, events are begun one at a time.
ALONE = 60.0

# Digest of topic and partition, offset, attempts. No attempts: the slot is free.
_SLOT = struct.Struct("<8sqq")
_SLOTS = 1024

Place = tuple[bytes, int]


class Attempts:
    """The events in hand of one worker, in memory that is a file: a write survives the process.

    Of more than 1,024 at a time, the oldest are forgotten.
    """

    def __init__(self, file: Path | None = None) -> None:
        self._slots: OrderedDict[Place, int] = OrderedDict()
        self._counts: dict[Place, int] = {}
        self._begun: set[Place] = set()
        self._alone = asyncio.Lock()
        self._holder: Place | None = None
        self._memory = _opened(file)
        for slot in range(_SLOTS):
            topic, offset, count = _SLOT.unpack_from(self._memory, slot * _SLOT.size)
            if count > 0:
                self._slots[topic, offset], self._counts[topic, offset] = slot, count
        self._free = [slot for slot in range(_SLOTS) if slot not in set(self._slots.values())]
        self._suspects = set(self._counts)
        self._started: float | None = None

    def earlier(self, source: Source) -> int:
        """At how many deaths in a row an event was in hand."""
        return self._counts.get(_place(source), 0)

    async def begin(self, source: Source) -> int:
        """Note that an event is given to its agent; which attempt that is, from 1 on.

        Waits for its turn after a death, a minute at most.
        """
        place = _place(source)
        if self._suspects:
            await self._take_turn(place)
        self._begun.add(place)
        self._keep(place, self._counts.get(place, 0) + 1)
        return self._counts[place]

    def end(self, source: Source) -> None:
        """Forget an event: it is acknowledged."""
        place = _place(source)
        if place in self._slots:
            self._keep(place, 0)
        self._begun.discard(place)
        self._suspects.discard(place)
        if place == self._holder:
            self._leave_turn()

    def forgive(self, sources: Iterable[Source] | None = None) -> None:
        """Do not count the present attempts, of these events or of all: they did not end it."""
        begun = set(self._begun)
        for place in begun if sources is None else begun & set(map(_place, sources)):
            self._keep(place, self._counts[place] - 1)
            self._begun.discard(place)
            if place == self._holder:
                self._leave_turn()

    async def _take_turn(self, place: Place) -> None:
        self._started = self._started or asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout_at(self._started + ALONE):
                await self._alone.acquire()
                self._holder = place
        except TimeoutError:
            # Those that did not come lie in partitions of others, or one takes too long.
            self._suspects.clear()

    def _leave_turn(self) -> None:
        self._holder = None
        self._alone.release()

    def _keep(self, place: Place, count: int) -> None:
        if place not in self._slots:
            if not self._free:
                self._keep(next(iter(self._slots)), 0)
            self._slots[place] = self._free.pop()
        slot = self._slots[place]
        _SLOT.pack_into(self._memory, slot * _SLOT.size, *place, count)
        self._counts[place] = count
        if not count:
            self._free.append(self._slots.pop(place))
            del self._counts[place]


def _opened(file: Path | None) -> mmap.mmap:
    size = _SLOT.size * _SLOTS
    if file is None:
        return mmap.mmap(-1, size)
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a+b") as opened:
        opened.truncate(size)
        return mmap.mmap(opened.fileno(), size)


def _place(source: Source) -> Place:
    name = f"{source.topic}/{source.partition}".encode()
    return blake2b(name, digest_size=8).digest(), source.offset
