"""How topics and consumer groups stand: ends, what groups have committed, what waits since when."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from streams.clients.kafka import admin, consumer
from streams.settings import Settings

Place = tuple[str, int]
"""A topic and a partition."""

_LOOKING = 1.0  # seconds for the oldest records that wait


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A consumer group: its members' ids, and of each partition that it reads the next offset."""

    members: frozenset[str]
    positions: Mapping[Place, int]
    waiting: Mapping[Place, float]
    """When the oldest record was written that waits there, in seconds since the epoch."""

    def lag(self, topic: str, ends: Mapping[Place, int]) -> int:
        """How many records of a topic wait. Transactions' own marks count where others wait."""
        return sum(
            max(0, ends[place] - self.positions[place])
            for place in self.waiting
            if place[0] == topic
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Of topics and groups at one moment, topics and groups by their full names."""

    begins: Mapping[Place, int]
    ends: Mapping[Place, int]
    groups: Mapping[str, Group]


async def standing(
    settings: Settings, topics: Iterable[str], groups: Mapping[str, Sequence[str]]
) -> Standing:
    """How these topics stand, and these groups on the topics that each reads.

    Raises what the broker raises. A topic that is missing is waited for.
    """
    every = [TopicPartition(topic, n) for topic in topics for n in range(settings.partitions)]
    reader = consumer(settings, max_partition_fetch_bytes=1, max_poll_records=1)
    asking = admin(settings)
    try:
        await asyncio.gather(reader.start(), asking.start())
        begins = _plain(await reader.beginning_offsets(every))
        ends = _plain(await reader.end_offsets(every))
        found = {}
        for name, read in groups.items():
            members, committed = await asyncio.gather(
                _members(asking, name), _committed(asking, settings, name, read)
            )
            positions = {place: max(at, begins[place]) for place, at in committed.items()}
            behind = {place: at for place, at in positions.items() if at < ends[place]}
            waiting = await _oldest(reader, behind)
            found[name] = Group(members=members, positions=positions, waiting=waiting)
        return Standing(begins=begins, ends=ends, groups=found)
    finally:
        await asyncio.gather(reader.stop(), asking.close())


async def _members(asking: AIOKafkaAdminClient, group: str) -> frozenset[str]:
    (answer,) = await asking.describe_consumer_groups([group])
    return frozenset(
        member["member_id"]
        for described in answer.to_object()["groups"]
        for member in described["members"]
    )


async def _committed(
    asking: AIOKafkaAdminClient, settings: Settings, group: str, topics: Sequence[str]
) -> dict[Place, int]:
    # The embedded broker cannot answer for all partitions without being told which.
    places = [TopicPartition(topic, n) for topic in topics for n in range(settings.partitions)]
    offsets = await asking.list_consumer_group_offsets(group, partitions=places)
    return {(place.topic, place.partition): at.offset for place, at in offsets.items()}


async def _oldest(reader: AIOKafkaConsumer, behind: Mapping[Place, int]) -> dict[Place, float]:
    """The times of the records at these offsets, or of the next ones behind them.

    Where none comes, only marks of transactions stand there, or an open one begins.
    """
    found: dict[Place, float] = {}
    if not behind:
        return found
    reader.assign([TopicPartition(*place) for place in behind])
    for place, offset in behind.items():
        reader.seek(TopicPartition(*place), offset)
    until = asyncio.get_running_loop().time() + _LOOKING
    while len(found) < len(behind) and asyncio.get_running_loop().time() < until:
        taken = await reader.getmany(timeout_ms=100)
        for at, records in taken.items():
            found.setdefault((at.topic, at.partition), records[0].timestamp / 1000)
            reader.pause(at)
        if not taken and await _is_through(reader, behind, found):
            break
    return found


async def _is_through(
    reader: AIOKafkaConsumer, behind: Mapping[Place, int], found: Mapping[Place, float]
) -> bool:
    """Whether whatever is not found has been passed."""
    open_ = [TopicPartition(*place) for place in behind.keys() - found.keys()]
    return all([await reader.position(each) > behind[each.topic, each.partition] for each in open_])


def _plain(offsets: Mapping[TopicPartition, int]) -> dict[Place, int]:
    return {(each.topic, each.partition): at for each, at in offsets.items()}
