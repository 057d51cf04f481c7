"""The newest event of one key, looked for from the end of the key's partition backwards."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

from streams.clients.reader import Reader
from streams.settings import Settings
from streams.wire.codecs import decode
from streams.wire.topics import BY_EVENT

E = TypeVar("E")

_STEP = 64  # records; each step back is four times as long as the one before


async def newest(settings: Settings, kind: type[E], key: str) -> E | None:
    """The last event of a key on its topic; None where there is none or a tombstone follows it.

    Raises InvalidEvent when that record cannot be read, NotReady (no_topic) without the topic.
    """
    async with Reader(settings, settings.topic(BY_EVENT[kind].name), key=key) as reader:
        for start, stop in _steps(*await reader.extent()):
            found = None
            async for record in reader.between(start, stop):
                found = record if record.key == key.encode() else found
            if found is not None:
                return decode(found.value, kind) if found.value else None
    return None


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
