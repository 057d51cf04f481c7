"""Reading records whose header names are not UTF-8.

aiokafka stops at them, and with it the whole partition.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

from aiokafka.consumer import fetcher
from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import _DefaultRecordBatchPy as Batch
from aiokafka.record.default_records import _DefaultRecordPy as Record
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.record.util import decode_varint

# Bytes before those that a batch's length counts: its base offset and that length.
_OVERHEAD = struct.calcsize(">qi")
_ORDINARY = MemoryRecords


def accept_any_header_name() -> None:
    """Let this process's consumers read such names; bytes that are no UTF-8 become `\\xNN`."""
    fetcher.MemoryRecords = Records


class Records:
    """The batches of one fetched partition, as `MemoryRecords` gives them."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._position = 0
        self._batches = _ORDINARY(data)

    def has_next(self) -> bool:
        """Whether a whole batch is left."""
        return self._batches.has_next()

    def size_in_bytes(self) -> int:
        """Of everything that was fetched."""
        return self._batches.size_in_bytes()

    def next_batch(self) -> Any:
        """The next batch; None behind the last."""
        batch = self._batches.next_batch()
        if batch is None:
            return None
        (length,) = struct.unpack_from(">i", self._data, self._position + 8)
        end = self._position + _OVERHEAD + length
        data, self._position = memoryview(self._data)[self._position : end], end
        return _Either(batch, data)


class _Either:
    """A batch that is read again, in Python, where aiokafka's own reader stops at a name."""

    def __init__(self, batch: Any, data: memoryview) -> None:
        self._batch = batch
        self._data = data

    def __getattr__(self, name: str) -> Any:
        return getattr(self._batch, name)

    def __next__(self) -> Any:
        return next(self._batch)

    def __iter__(self) -> Iterator[Any]:
        try:
            yield from self._batch
        except (UnicodeDecodeError, CorruptRecordException):
            # aiokafka skips the records that it has seen, by their offsets.
            yield from _LenientBatch(self._data)


class _LenientBatch(Batch):
    """Reads one record as the format says: https://kafka.apache.org/documentation/#record."""

    _pos: int

    def _read_msg(self, *_defaults: Any) -> Record:
        _length, at = decode_varint(self._buffer, self._pos)
        _attributes, at = decode_varint(self._buffer, at)
        since, at = decode_varint(self._buffer, at)
        offset, at = decode_varint(self._buffer, at)
        key, at = self._bytes(at)
        value, at = self._bytes(at)
        count, at = decode_varint(self._buffer, at)
        headers = []
        for _header in range(count):
            name, at = self._bytes(at)
            content, at = self._bytes(at)
            headers.append(((name or b"").decode("utf-8", "backslashreplace"), content))
        self._pos = at
        appended = self.timestamp_type == self.LOG_APPEND_TIME
        timestamp = self.max_timestamp if appended else self.first_timestamp + since
        return Record(
            self.base_offset + offset, timestamp, self.timestamp_type, key, value, headers
        )

    def _bytes(self, at: int) -> tuple[bytes | None, int]:
        length, at = decode_varint(self._buffer, at)
        return (bytes(self._buffer[at : at + length]), at + length) if length >= 0 else (None, at)
