"""The newest record of one key, looked for from the end of the key's partition backwards."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing
from math import inf
from typing import TypeVar

from streams.clients.reader import Reader
from streams.settings import Settings
from streams.wire.codecs import decode
from streams.wire.source import Source
from streams.wire.topics import BY_EVENT

E = TypeVar("E")

_STEP = 64  # records; each step back is four times as long as the one before


async def newest(settings: Settings, kind: type[E], key: str) -> E | None:
    """The last event of a key on its topic; None where there is none or a tombstone follows it.

    Raises InvalidEvent when that record cannot be read, NotReady (no_topic) without the topic.
    """
    found = await last(settings, BY_EVENT[kind].name, key)
    return decode(found.value, kind) if found is not None and found.value else None


async def last(
    settings: Settings,
    topic: str,
    key: str,
    meant: Callable[[Source], bool] = lambda _: True,
    *,
    most: int | None = None,
) -> Source | None:
    """The last record of a key on `topic` that is `meant`, among the `most` last of its partition.

    `topic` is a name without the prefix. Raises NotReady (no_topic) without it.
    """
    async with aclosing(backwards(settings, topic, key, most=most)) as records:
        async for record in records:
            if meant(record):
                return record
    return None


async def backwards(
    settings: Settings, topic: str, key: str, *, most: int | None = None
) -> AsyncGenerator[Source, None]:
    """The records of a key on `topic`, the last first, as `last` looks for one."""
    async with Reader(settings, settings.topic(topic), key=key) as reader:
        begin, end = await reader.extent()
        if most is not None:
            begin = max(begin, end - most)
        given = inf  # the offset from which on all were given: a batch is not cut at `stop`
        for start, stop in _steps(begin, end):
            read = reader.between(start, stop)
            found = [record async for record in read if record.key == key.encode()]
            for record in reversed(found):
                if record.offset < given:
                    yield record
            given = start


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
