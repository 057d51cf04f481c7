"""A record as it stood in Kafka: its coordinates and its untouched bytes."""

from __future__ import annotations

from dataclasses import dataclass

from streams.wire.headers import Headers


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where a record stood: its coordinates and its untouched bytes."""

    topic: str
    partition: int
    offset: int
    timestamp: float
    """Seconds since the epoch, from the record."""
    key: bytes | None
    value: bytes | None
    headers: Headers = ()

    def __str__(self) -> str:
        return f"{self.topic}[{self.partition}]@{self.offset}"
