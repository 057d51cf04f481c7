"""Reading what aiokafka stops at, and with it the whole partition.

Header names that are not UTF-8; batches that inflate without bound; batches that cannot be read,
which become one record that says so.
"""

from __future__ import annotations

import logging
import struct
from collections.abc import Iterator
from typing import Any

from aiokafka.consumer import fetcher
from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import DefaultRecordBatch
from aiokafka.record.default_records import _DefaultRecordBatchPy as Batch
from aiokafka.record.default_records import _DefaultRecordPy as Record
from aiokafka.record.memory_records import MemoryRecords

# The compiled one reads behind the end of what it is given: it ended the process.
from aiokafka.record.util import decode_varint_py as decode_varint

from streams.clients.compression import Unpackable, unpack
from streams.wire.source import Unreadable

log = logging.getLogger(__name__)

# Bytes before those that a batch's length counts: its base offset and that length.
_OVERHEAD = struct.calcsize(">qi")
# A batch's header, and where in it the attributes are: https://kafka.apache.org/documentation/#recordbatch
_HEADER, _ATTRIBUTES, _CODEC = Batch.HEADER_STRUCT.size, Batch.ATTRIBUTES_OFFSET, Batch.CODEC_MASK
_COUNT = _HEADER - 4
_ORDINARY = MemoryRecords


def read_any_record() -> None:
    """Let this process's consumers go on; bytes of names that are no UTF-8 become `\\xNN`."""
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
        # Brokers of this decade keep and send no other than the present format.
        return _Lasting(batch, data, self._following()) if isinstance(batch, _CURRENT) else batch

    def _following(self) -> int | None:
        """The first offset of the next batch, where as much of it was fetched."""
        if self._position + 8 > len(self._data):
            return None
        return int(struct.unpack_from(">q", self._data, self._position)[0])


_CURRENT = (DefaultRecordBatch, Batch)


class _Lasting:
    """A batch that is read to its end, whatever it holds."""

    def __init__(self, batch: Any, data: memoryview, following: int | None) -> None:
        self._batch = batch
        self._data = data
        self._following = following
        self._is_whole = True

    def __getattr__(self, name: str) -> Any:
        return getattr(self._batch, name)

    def validate_crc(self) -> bool:
        """True, so that aiokafka goes on to read: a wrong checksum is told as the records are."""
        self._is_whole = self._batch.validate_crc()
        return True

    @property
    def is_control_batch(self) -> bool:
        """Whether it holds the marker of a transaction's end."""
        return self._is_whole and self._batch.is_control_batch

    @property
    def next_offset(self) -> int:
        """The offset behind the batch; its own word counts only where its checksum is right."""
        (count,) = struct.unpack_from(">i", self._data, _COUNT)
        if self._is_whole or (not self._following and self._batch.last_offset_delta == count - 1):
            return int(self._batch.next_offset)
        return self._following or self._batch.base_offset + 1

    def __next__(self) -> Any:
        return next(self._batch)

    def __iter__(self) -> Iterator[Any]:
        read = self._batch.base_offset
        try:
            for record in self._read():
                read = max(read, record.offset + 1)
                yield record
        except Exception as error:
            yield self._lost(read, _reason(error))

    def _read(self) -> Iterator[Any]:
        if not self._is_whole:
            raise Unpackable("a wrong checksum")
        data = self._unpacked()
        try:
            yield from DefaultRecordBatch(data)
        except (UnicodeDecodeError, CorruptRecordException):
            # aiokafka skips the records that it has seen, by their offsets.
            yield from _LenientBatch(data)

    def _unpacked(self) -> bytes | memoryview:
        """The batch as it would have been without compression."""
        codec = self._batch.attributes & _CODEC
        if not codec:
            return self._data
        header = bytearray(self._data[:_HEADER])
        struct.pack_into(">h", header, _ATTRIBUTES, self._batch.attributes & ~_CODEC)
        return bytes(header) + unpack(codec, bytes(self._data[_HEADER:]))

    def _lost(self, first: int, why: str) -> Record:
        """A record in place of those from `first` on."""
        last = self.next_offset - 1
        words = f"Expected a batch of records, got offsets {first} to {last} with {why}."
        log.error("a batch cannot be read, and is passed over: %s", words)
        time = self._batch.max_timestamp if self._is_whole else 0
        return Record(min(first, last), time, 0, None, Unreadable(words), [])


def _reason(error: Exception) -> str:
    return str(error) if isinstance(error, Unpackable) else "records of a wrong form"


class _LenientBatch(Batch):
    """Reads one record as the format says: https://kafka.apache.org/documentation/#record."""

    _pos: int

    def _read_msg(self, *_defaults: Any) -> Record:
        length, start = decode_varint(self._buffer, self._pos)
        _attributes, at = decode_varint(self._buffer, start)
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
        if at != start + length:
            raise IndexError("a record of another length than its own")
        self._pos = at
        appended = self.timestamp_type == self.LOG_APPEND_TIME
        timestamp = self.max_timestamp if appended else self.first_timestamp + since
        return Record(
            self.base_offset + offset, timestamp, self.timestamp_type, key, value, headers
        )

    def _bytes(self, at: int) -> tuple[bytes | None, int]:
        length, at = decode_varint(self._buffer, at)
        if length < 0:
            return None, at
        if at + length > len(self._buffer):
            raise IndexError("a length behind the end")
        return bytes(self._buffer[at : at + length]), at + length
