"""What was acknowledged is not behind the end, whatever the broker says of it."""

from __future__ import annotations

import struct
from io import BytesIO
from typing import Any

import pytest
from aiokafka.protocol import offset, produce

from streams.clients.ends import Ends

LATEST, EARLIEST, ITS_END = -1, -2, 15


def batch(records: int) -> bytes:
    """A batch of so many records, as far as it is read."""
    return bytes(23) + struct.pack(">i", records - 1)


def acknowledged(ends: Ends, version: int, first: int, records: int = 1, *, error: int = 0) -> None:
    """The broker says that it has written a batch from offset `first` on."""
    schema = getattr(produce, f"ProduceResponse_v{version}").SCHEMA
    since: list[Any] = [-1] if version < 5 else [-1, -1] if version < 8 else [-1, -1, [], None]
    answer = schema.encode(([("a", [(1, error, first, *since)])], 0))
    assert ends.written(version, [("a", [(1, batch(records))])])(answer) == answer


def told(ends: Ends, version: int = 3, time: int = LATEST, *, error: int = 0) -> int:
    """The offset that a client is told of a partition that ends at 15, if one asks the broker."""
    request = getattr(offset, f"OffsetRequest_v{version}").SCHEMA
    response = getattr(offset, f"OffsetResponse_v{version}").SCHEMA
    before = () if version == 1 else (1,)
    asked = request.encode((-1, *before, [("a", [(1, time)]), ("b", [(1, time)])]))
    throttle = () if version == 1 else (0,)
    said = [("a", [(1, error, -1, ITS_END)]), ("b", [(1, error, -1, ITS_END)])]
    answer = ends.asked(version, asked)(response.encode((*throttle, said)))
    *_, topics = response.decode(BytesIO(answer))
    ((_, ((*_, mine),)), (_, ((*_, other),))) = topics
    assert other == ITS_END
    return int(mine)


@pytest.mark.parametrize("version", range(3, 9))
def test_an_end_is_behind_all_that_was_acknowledged(version: int) -> None:
    ends = Ends()
    acknowledged(ends, version, 15)
    acknowledged(ends, version, 14)  # two at the same time: the former is answered last
    assert [told(ends, each) for each in (1, 2, 3)] == [16, 16, 16]
    acknowledged(ends, version, 16, records=4)
    assert told(ends) == 20


def test_a_broker_that_says_more_is_believed() -> None:
    ends = Ends()
    acknowledged(ends, 7, 3)
    assert told(ends) == ITS_END


def test_only_ends_are_put_right() -> None:
    ends = Ends()
    acknowledged(ends, 7, 15)
    assert told(ends, time=EARLIEST) == ITS_END
    assert told(ends, time=1_700_000_000_000) == ITS_END
    assert told(ends, error=6) == ITS_END


def test_what_was_refused_is_not_written() -> None:
    ends = Ends()
    acknowledged(ends, 7, 15, error=10)
    assert told(ends) == ITS_END


def test_a_topic_that_is_made_anew_begins_anew() -> None:
    ends = Ends()
    acknowledged(ends, 7, 40)
    assert ends.forget(b"deleted") == b"deleted"
    assert told(ends) == ITS_END


def test_what_cannot_be_read_passes_as_it_is() -> None:
    ends = Ends()
    assert ends.written(7, [("a", [(1, b"short")])])(b"answer") == b"answer"
    assert ends.asked(3, b"offsets")(b"answer") == b"answer"
    assert ends.asked(9, b"compact")(b"answer") == b"answer"
