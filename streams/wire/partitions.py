"""Which partition a key belongs to, and whether a record lies where its user's records do."""

from __future__ import annotations

from typing import Any

from aiokafka.partitioner import murmur2

from streams.wire.source import Source
from streams.wire.topics import Topic


def home_of(key: str, partitions: int) -> int:
    """The partition of a key, as Kafka's own clients choose it: murmur2, as Java and Faust do."""
    return int((murmur2(key.encode()) & 0x7FFFFFFF) % partitions)


def is_misplaced(event: Any, source: Source, topic: Topic, partitions: int) -> bool:
    """Whether a record has another key or partition than its user's."""
    if not topic.keyed_by_user:
        return False
    key = topic.key(event)
    home = key.encode(), home_of(key, partitions)
    return (source.key, source.partition) != home
