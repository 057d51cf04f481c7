"""A record as it stood in Kafka: its coordinates and its untouched bytes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from streams.wire.headers import Headers

_APPENDED = 1  # LogAppendTime


class Unreadable(bytes):
    """The empty value of a record that stands for a batch which cannot be read; says why.

    A type, not a header: nobody can write one on a topic.
    """

    def __new__(cls, why: str) -> Unreadable:
        """Why the batch cannot be read, and which offsets it had."""
        made = super().__new__(cls)
        made.why = why
        return made

    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where a record stood: its coordinates and its untouched bytes."""

    topic: str
    partition: int
    offset: int
    timestamp: float
    """Seconds since the epoch, from the record; 0 where it has none."""
    key: bytes | None
    value: bytes | None
    headers: Headers = ()
    is_appended: bool = False
    """Whether the broker has set the time, when it took the record."""

    @classmethod
    def of(cls, record: Any, *, timestamp: float | None) -> Source:
        """The source of a record as aiokafka or Faust gives it.

        They count its time in different units; `timestamp` is in seconds.
        """
        return cls(
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
            timestamp=timestamp or 0.0,
            key=record.key,
            value=record.value,
            headers=tuple((name, bytes(value or b"")) for name, value in record.headers or ()),
            is_appended=record.timestamp_type == _APPENDED,
        )

    @property
    def derived_id(self) -> str:
        """The id of a record that has none; the time tells a topic from one made again."""
        place = f"{self.topic}-{self.partition}-{self.offset}"
        return f"{place}-{round(self.timestamp * 1000)}"

    def __str__(self) -> str:
        return f"{self.topic}[{self.partition}]@{self.offset}"
