"""Where partitions of the embedded broker end, by what it has acknowledged.

Asked for an end, the broker looks for the batch that it stored last. Of two that were written at
the same time this may be the former: until somebody writes again, the newest record seems not to be
there. A recovery that believes it leaves out a row whose event is committed.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from functools import partial
from io import BytesIO
from typing import Any

from aiokafka.protocol import offset, produce

Place = tuple[str, int]
"""A topic and a partition."""
Reading = Callable[[bytes], bytes]
"""Reads the body of an answer; what to give the client in its place."""

# By version, the forms of those that aiokafka speaks.
_WRITTEN = {each: getattr(produce, f"ProduceResponse_v{each}").SCHEMA for each in range(3, 9)}
_ASKED = {each: getattr(offset, f"OffsetRequest_v{each}").SCHEMA for each in range(1, 4)}
_TOLD = {each: getattr(offset, f"OffsetResponse_v{each}").SCHEMA for each in range(1, 4)}
_LATEST = -1  # in place of a time
_LAST = 23  # where a batch says how far its last record is behind its first


class Ends:
    """The ends that are known; answers that say less are put right.

    Of versions that aiokafka does not speak nothing is known, and nothing put right.
    """

    def __init__(self) -> None:
        self._known: dict[Place, int] = {}

    def written(self, version: int, topics: Any) -> Reading:
        """What reads the answer to a request to write batches, by topic and partition."""
        batches = {place: batch for place, (batch,) in _by_place(topics)}
        return _careful(partial(self._note, version, batches))

    def asked(self, version: int, request: bytes) -> Reading:
        """What reads the answer to a request for offsets."""
        return _careful(partial(self._put_right, version, request))

    def forget(self, answer: bytes) -> bytes:
        """Topics were deleted: others may get their names, and begin anew."""
        self._known.clear()
        return answer

    def _note(self, version: int, batches: dict[Place, bytes], answer: bytes) -> bytes:
        topics, *_ = _WRITTEN[version].decode(BytesIO(answer))
        for place, (error, first, *_) in _by_place(topics):
            if not error:
                end = first + struct.unpack_from(">i", batches[place], _LAST)[0] + 1
                self._known[place] = max(end, self._known.get(place, 0))
        return answer

    def _put_right(self, version: int, request: bytes, answer: bytes) -> bytes:
        *_, asked = _ASKED[version].decode(BytesIO(request))
        latest = {place for place, (time,) in _by_place(asked) if time == _LATEST}
        *before, topics = _TOLD[version].decode(BytesIO(answer))
        for topic, partitions in topics:
            for index, (number, error, time, end) in enumerate(partitions):
                place = topic, number
                if place in latest and not error:
                    partitions[index] = (number, error, time, max(end, self._known.get(place, 0)))
        return bytes(_TOLD[version].encode([*before, topics]))


def _by_place(topics: Any) -> Iterator[tuple[Place, tuple[Any, ...]]]:
    for topic, partitions in topics:
        for number, *rest in partitions:
            yield (topic, number), tuple(rest)


def _careful(reading: Reading) -> Reading:
    """The same; an answer that it cannot read passes as it is."""

    def read(answer: bytes) -> bytes:
        try:
            return reading(answer)
        except (ValueError, TypeError, LookupError, struct.error):
            return answer

    return read
