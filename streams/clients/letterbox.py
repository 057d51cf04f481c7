"""An index of the dead letters: counts and pages from memory, each letter read and looked at once.

It holds what a list shows, not keys or values; a letter itself is fetched by its place. A topic of
ten thousand letters costs its reading once, and after that what is new.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter, deque
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiokafka import AIOKafkaConsumer, TopicPartition

from streams.clients.kafka import consumer
from streams.clients.letters import Choice
from streams.settings import Settings
from streams.wire.dead_letters import given_id, is_cut, marked, place, reasons
from streams.wire.source import Source
from streams.wire.topics import TOPICS, Topic

MOST = 50_000
"""Letters of a partition that are remembered: the newest ones."""
_PAUSE = 1.0  # seconds between two questions to Kafka, whoever asks
_READING = 4.0  # seconds that one question may read for, as letters may be large; the next goes on


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """What a list shows of one letter."""

    place: str
    time: float
    code: str
    message: str
    stage: str
    origin: str
    """Where its record stood: `<topic>[<partition>]@<offset>`."""
    id: str
    is_cut: bool
    """Too big to be kept whole: it cannot be replayed."""


@dataclass(slots=True)
class Box:
    """The letters of one topic by their places, oldest first in each partition."""

    letters: dict[str, Letter] = field(default_factory=dict)
    replayed: set[str] = field(default_factory=set)
    _kept: dict[int, deque[int]] = field(default_factory=dict)
    """Offsets of the letters of each partition, oldest first."""

    def take(self, record: Source) -> None:
        """A letter, or the mark of one that was replayed."""
        at = marked(record.headers)
        if at is not None:
            self.replayed.add(at)
        else:
            if (at := place(record)) not in self.letters:  # else it is read once more
                self._kept.setdefault(record.partition, deque()).append(record.offset)
            self.letters[at] = _letter(record)

    def snapshot(self) -> Box:
        """As it is now, for a thread to look through: it may hold hundreds of thousands."""
        return Box(self.letters.copy(), self.replayed.copy())

    def meant(self, choice: Choice) -> Iterator[Letter]:
        """The letters that are chosen, newest first."""
        chosen = (
            each
            for each in self.letters.values()
            if choice.means(code=each.code, time=each.time, place=each.place, id=each.id)
        )
        return iter(sorted(chosen, key=_newest, reverse=True))

    def forget(self, partition: int, before: int) -> None:
        """Forget what stood before an offset: the topic does not keep it any longer."""
        kept = self._kept.get(partition, deque())
        while kept and kept[0] < before:
            gone = f"{partition}@{kept.popleft()}"
            del self.letters[gone]
            self.replayed.discard(gone)


class Letterbox:
    """The boxes of all topics; `read` before looking into them."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._asking = asyncio.Lock()
        self._at = 0.0
        self._firsts: dict[TopicPartition, int] = {}
        self._next: dict[TopicPartition, int] = {}
        self._boxes = {topic.name: Box() for topic in TOPICS}
        self._names = {settings.topic(topic.dead_letters): topic.name for topic in TOPICS}
        self.unread = 0
        """Letters that are there and were not looked at yet."""

    def box(self, topic: Topic) -> Box:
        """The letters of one topic."""
        return self._boxes[topic.name]

    async def counts(self) -> list[dict[str, str | int]]:
        """How many letters each topic has, by code, and how many of them were replayed."""
        boxes = {name: box.snapshot() for name, box in self._boxes.items()}
        return await asyncio.to_thread(
            lambda: [line for name, box in boxes.items() for line in _counts(name, box)]
        )

    async def read(self, *, afresh: bool = False) -> None:
        """Look at what is new, for some seconds at most; `afresh` without a pause before it.

        Raises what the broker raises.
        """
        async with self._asking:
            if not afresh and time.monotonic() - self._at < _PAUSE and not self.unread:
                return
            async with _reading(self._settings) as reader:
                places = [
                    TopicPartition(name, number)
                    for name in self._names
                    for number in range(self._settings.partitions)
                ]
                begins = await reader.beginning_offsets(places)
                ends = await reader.end_offsets(places)
                for each in places:
                    self._begin(each, max(begins[each], ends[each] - MOST))
                await self._catch_up(reader, ends)
            self._at = time.monotonic()

    async def one(self, topic: Topic, at: str) -> Source | None:
        """The letter at a place; None where there is none. Raises what the broker raises."""
        partition, offset = _parsed(at)
        if not 0 <= partition < self._settings.partitions:
            return None
        where = TopicPartition(self._settings.topic(topic.dead_letters), partition)
        async with _reading(self._settings) as reader:
            if not (await reader.beginning_offsets([where]))[where] <= offset:
                return None
            if not offset < (await reader.end_offsets([where]))[where]:
                return None
            reader.assign([where])
            reader.seek(where, offset)
            while await reader.position(where) <= offset:
                taken = await reader.getmany(timeout_ms=200, max_records=1)
                for record in taken.get(where, ()):
                    found = Source.of(record, timestamp=record.timestamp / 1000)
                    is_it = found.offset == offset and marked(found.headers) is None
                    return found if is_it else None
        return None

    def _begin(self, partition: TopicPartition, first: int) -> None:
        """What stood before `first` is gone, or more than is remembered."""
        if first > self._firsts.get(partition, 0):
            self._boxes[self._names[partition.topic]].forget(partition.partition, first)
        self._firsts[partition] = first
        self._next[partition] = max(first, self._next.get(partition, 0))

    async def _catch_up(self, reader: AIOKafkaConsumer, ends: dict[TopicPartition, int]) -> None:
        behind = [each for each, at in self._next.items() if at < ends[each]]
        if behind:
            reader.assign(behind)
            for each in behind:
                reader.seek(each, self._next[each])
        until = time.monotonic() + _READING
        while behind and time.monotonic() < until:
            for each, records in (await reader.getmany(timeout_ms=200)).items():
                box = self._boxes[self._names[each.topic]]
                for record in records:
                    box.take(Source.of(record, timestamp=record.timestamp / 1000))
            for each in behind:
                self._next[each] = await reader.position(each)
            behind = [each for each in behind if self._next[each] < ends[each]]
        self.unread = sum(ends[each] - self._next[each] for each in behind)


@asynccontextmanager
async def _reading(settings: Settings) -> AsyncIterator[AIOKafkaConsumer]:
    reader = consumer(settings, max_poll_records=500)
    try:
        await reader.start()
        yield reader
    finally:
        await reader.stop()


def is_place(text: str) -> bool:
    """Whether a text names a letter's place.

    >>> is_place("0@12"), is_place("12"), is_place("0@x"), is_place("0@" + 30 * "1")
    (True, False, False, False)
    """
    partition, at, offset = text.partition("@")
    return bool(at) and all(
        each.isascii() and each.isdigit() and len(each) <= 18 for each in (partition, offset)
    )


def _counts(topic: str, box: Box) -> Iterator[dict[str, str | int]]:
    every = Counter(each.code for each in box.letters.values())
    done = Counter(box.letters[at].code for at in box.replayed & box.letters.keys())
    for code, count in every.most_common():
        yield {"topic": topic, "code": code, "letters": count, "replayed": done[code]}


def _parsed(at: str) -> tuple[int, int]:
    partition, _, offset = at.partition("@")
    return int(partition), int(offset)


def _newest(letter: Letter) -> tuple[float, tuple[int, int]]:
    return letter.time, _parsed(letter.place)


def _letter(record: Source) -> Letter:
    why = reasons(record.headers)
    return Letter(
        place=place(record),
        time=record.timestamp,
        code=why.get("code", "?"),
        message=why.get("message", ""),
        stage=why.get("stage", ""),
        origin=f"{why.get('topic')}[{why.get('partition')}]@{why.get('offset')}",
        id=given_id(record.headers),
        is_cut=is_cut(record.headers),
    )
