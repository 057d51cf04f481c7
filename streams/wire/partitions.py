"""Which partition a key belongs to."""

from __future__ import annotations

from aiokafka.partitioner import murmur2


def home_of(key: str, partitions: int) -> int:
    """The partition of a key, as Kafka's own clients choose it: murmur2, as Java and Faust do."""
    return int((murmur2(key.encode()) & 0x7FFFFFFF) % partitions)
