"""The newest event of one key, looked for from the end of the key's partition backwards."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any, TypeVar

from aiokafka import TopicPartition

from streams.clients.kafka import consumer
from streams.settings import Settings
from streams.wire.codecs import decode
from streams.wire.partitions import home_of
from streams.wire.topics import BY_EVENT

E = TypeVar("E")

_STEP = 64  # records; each step back is four times as long as the one before


async def newest(settings: Settings, kind: type[E], key: str) -> E | None:
    """The last event of a key on its topic; None where there is none or a tombstone follows it.

    Raises InvalidEvent when that record cannot be read.
    """
    topic = settings.topic(BY_EVENT[kind].name)
    reader = consumer(settings, topic)
    await reader.start()
    try:
        home = TopicPartition(topic, home_of(key, len(reader.partitions_for_topic(topic))))
        reader.unsubscribe()
        reader.assign([home])
        begin = (await reader.beginning_offsets([home]))[home]
        end = (await reader.end_offsets([home]))[home]
        for start, stop in _steps(begin, end):
            found = None
            async for record in _between(reader, home, start, stop):
                found = record if record.key == key.encode() else found
            if found is not None:
                return decode(found.value, kind) if found.value else None
        return None
    finally:
        await reader.stop()


def _steps(begin: int, end: int) -> Iterator[tuple[int, int]]:
    """Offsets `[start, stop)` that cover a partition once, backwards.

    >>> list(_steps(100, 1000))
    [(936, 1000), (680, 936), (100, 680)]
    """
    step = _STEP
    while begin < end:
        start = max(begin, end - step)
        yield start, end
        end, step = start, 4 * step


async def _between(reader: Any, home: TopicPartition, start: int, stop: int) -> AsyncIterator[Any]:
    """Records from `start` on, to `stop` or a little behind it: a batch is not cut."""
    reader.seek(home, start)
    while await reader.position(home) < stop:
        for records in (await reader.getmany(home, timeout_ms=200)).values():
            for record in records:
                yield record
