"""Records whose header names are not UTF-8 are read like any other."""

from __future__ import annotations

from typing import Any

import pytest
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy as Builder
from aiokafka.record.memory_records import MemoryRecords

from streams.clients.records import Records


class Name(str):
    """A header name that goes out as other bytes."""

    def encode(self, *_: Any) -> bytes:
        return b"na\xffme"


def batch(*names: str, compression: int = 0) -> bytes:
    """One batch with a record for every header name."""
    builder = Builder(2, compression, 0, -1, -1, -1, 1_000_000)
    for offset, name in enumerate(names):
        builder.append(
            offset,
            1_700_000_000_000 + offset,
            b"ada",
            b"value %d" % offset,
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


@pytest.mark.parametrize("compression", [0, 1])
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
        (0, b"ada", b"value 0"),
        (1, b"ada", b"value 1"),
        (2, b"ada", b"value 2"),
    ]


def test_the_batch_behind_is_read_too() -> None:
    assert len(read(batch(Name("na?me")) + batch("b", "c"))) == 2
