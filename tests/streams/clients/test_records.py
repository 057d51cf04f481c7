"""Every record that can be read is read, whatever its header names, its codec or its neighbours; of
a batch that cannot be read, one record says so."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.consumer import fetcher
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy as Builder
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.record.util import calc_crc32c

from schemas.errors import InvalidEvent
from streams.clients.records import Records, read_any_record
from streams.wire.codecs import parse
from streams.wire.source import Unreadable


class Name(str):
    """A header name that goes out as other bytes."""

    def encode(self, *_: Any) -> bytes:
        return b"na\xffme"


def value(offset: int) -> bytes:
    """Long enough that packing it pays: aiokafka does not pack a batch that would grow."""
    return b"value %d " % offset * 40


def batch(*names: str, compression: int = 0) -> bytes:
    """One batch with a record for every header name."""
    builder = Builder(2, compression, 0, -1, -1, -1, 1_000_000)
    for offset, name in enumerate(names):
        builder.append(
            offset,
            1_700_000_000_000 + offset,
            b"ada",
            value(offset),
            [(name, b"\xfe"), ("x", None)],
        )
    return bytes(builder.build())


def read(data: bytes, kind: Any = Records) -> list[tuple[Any, ...]]:
    """Every record that the fetcher would take: those at or behind the last offset."""
    records, found, following = kind(data), [], 0
    while records.has_next():
        for each in records.next_batch():
            if each.offset >= following:
                following = each.offset + 1
                found.append(
                    (each.offset, each.timestamp, each.key, each.value, list(each.headers))
                )
    return found


def test_ordinary_records_are_read_as_before() -> None:
    data = batch("a", "b") + batch("c")
    assert read(data) == read(data, MemoryRecords)


@pytest.mark.parametrize("compression", [0, 1, 2, 3, 4])
def test_a_name_that_is_not_utf8_stops_nothing(compression: int) -> None:
    data = batch("first", Name("na?me"), "last", compression=compression)
    with pytest.raises(Exception, match=r"codec|invalid"):
        read(data, MemoryRecords)
    assert [names for *_, names in read(data)] == [
        [("first", b"\xfe"), ("x", None)],
        [("na\\xffme", b"\xfe"), ("x", None)],
        [("last", b"\xfe"), ("x", None)],
    ]
    assert [(offset, key, value) for offset, _, key, value, _ in read(data)] == [
        (0, b"ada", value(0)),
        (1, b"ada", value(1)),
        (2, b"ada", value(2)),
    ]


def test_the_batch_behind_is_read_too() -> None:
    assert len(read(batch(Name("na?me")) + batch("b", "c"))) == 2


READABLE = batch("a", "b", "c")


def moved(data: bytes, base_offset: int) -> bytes:
    """A batch as the broker stores it: at an offset."""
    return struct.pack(">q", base_offset) + data[8:]


def changed(data: bytes, at: int, value: bytes, *, checked: bool = True) -> bytes:
    """A batch with other bytes, and the checksum of those where it is `checked`."""
    made = bytearray(data)
    made[at : at + len(value)] = value
    if checked:
        struct.pack_into(">I", made, 17, calc_crc32c(bytes(made[21:])))
    return bytes(made)


UNREADABLE = {
    "checksum": (changed(READABLE, 80, b"\xff", checked=False), "a wrong checksum"),
    "gzip": (changed(batch("a", "b", "c", compression=1), 61, bytes(20)), "damaged gzip data"),
    "snappy": (changed(batch("a", "b", "c", compression=2), 77, bytes(9)), "damaged snappy data"),
    "lz4": (changed(batch("a", "b", "c", compression=3), 61, bytes(20)), "damaged lz4 data"),
    "zstd": (changed(batch("a", "b", "c", compression=4), 61, bytes(20)), "damaged zstd data"),
    "codec": (changed(READABLE, 21, struct.pack(">h", 7)), "an unknown compression codec, 7"),
    "form": (changed(READABLE, 61, b"\xfe\xff\xff\xff\x0f"), "records of a wrong form"),
}


def consumed(data: bytes, start: int = 0, aborted: Iterable[tuple[int, int]] = ()) -> Any:
    """What aiokafka's fetcher makes of fetched bytes, and the position behind them."""
    read_any_record()
    partition = fetcher.PartitionRecords(
        TopicPartition("t", 3), fetcher.MemoryRecords(data), list(aborted), start, None, None,
        True, fetcher.READ_COMMITTED,
    )  # fmt: skip
    return list(partition), partition.next_fetch_offset


@pytest.mark.parametrize("name", UNREADABLE)
def test_a_batch_that_cannot_be_read_is_one_record_that_says_so(name: str) -> None:
    data, why = UNREADABLE[name]
    before, after = moved(batch("a"), 4), moved(batch("z"), 8)
    records, position = consumed(before + moved(data, 5) + after, 4)
    lost = next(each for each in records if isinstance(each.value, Unreadable))
    assert why in lost.value.why and "to 7 with" in lost.value.why
    assert [each.offset for each in records if each.offset <= lost.offset][-1] == lost.offset
    assert (records[0].offset, records[-1].offset, position) == (4, 8, 9)
    assert 5 <= lost.offset < 8 and (lost.key, lost.value) == (None, b"")
    with pytest.raises(InvalidEvent) as caught:
        parse(lost.value)
    assert caught.value.code == "corrupt_batch"


@pytest.mark.parametrize("name", UNREADABLE)
def test_the_last_batch_is_passed_over_and_told_once(name: str) -> None:
    data = moved(UNREADABLE[name][0], 5)
    first, position = consumed(data, 5)
    assert position == 8
    assert len([each for each in first if isinstance(each.value, Unreadable)]) == 1
    again, position = consumed(data, first[-1].offset + 1)
    assert not [each for each in again if isinstance(each.value, Unreadable)] and position == 8


def test_whole_records_with_a_wrong_count_are_read() -> None:
    records, position = consumed(changed(READABLE, 57, struct.pack(">i", 2_000)))
    assert ([each.offset for each in records], position) == ([0, 1, 2], 3)


def test_a_length_behind_the_end_is_not_followed() -> None:
    # aiokafka's compiled reader of lengths follows it, out of the process.
    for at in range(61, 72):
        records, position = consumed(changed(READABLE, at, b"\xfe\xff\xff\xff\x0f"))
        assert position == 3 and isinstance(records[0].value, Unreadable)


def test_a_wrong_length_in_a_damaged_batch_leads_nowhere() -> None:
    damaged = changed(moved(READABLE, 5), 23, struct.pack(">i", 2**30), checked=False)
    assert consumed(damaged + moved(batch("z"), 8), 5)[1] == 9
    assert consumed(damaged, 5)[1] == 6


def transactional(data: bytes, producer: int, attributes: int = 0x10) -> bytes:
    """A batch of a transaction."""
    codec = data[22] & 7
    return changed(
        changed(data, 21, struct.pack(">h", attributes | codec)), 43, struct.pack(">q", producer)
    )


def marker(offset: int, producer: int, *, commit: bool) -> bytes:
    """The end of a transaction, as a broker writes it."""
    builder = Builder(2, 0, 0, -1, -1, -1, 1_000)
    key = struct.pack(">hh", 0, int(commit))
    builder.append(0, 1_700_000_000_000, key, bytes(6), [])
    return moved(transactional(bytes(builder.build()), producer, 0x30), offset)


@pytest.mark.parametrize("compression", [0, 1, 2, 3, 4])
def test_records_of_an_aborted_transaction_are_not_seen(compression: int) -> None:
    packed = transactional(batch("a", "b", compression=compression), 7)
    log = packed + marker(2, 7, commit=False) + moved(packed, 3) + marker(5, 7, commit=True)
    records, position = consumed(log, aborted=[(7, 0)])
    assert ([each.offset for each in records], position) == ([3, 4], 6)


def test_a_bomb_is_one_record_that_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.clients.compression.MOST_BYTES", 10)
    (lost,), position = consumed(batch("a", "b", compression=4))
    assert lost.offset == 0
    assert "more than 10 bytes" in lost.value.why and position == 2
