"""The fence follows what is owned from where its recovery ended, and nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import TopicPartition

from streams.settings import Settings
from streams.worker import fence as module
from streams.worker.fence import Fence

HERE, THERE = TopicPartition("changelog", 0), TopicPartition("changelog", 1)


class Log:
    """A reader of changelogs: gives what stands in them from where it was told to read."""

    def __init__(self, ends: Mapping[TopicPartition, int]) -> None:
        self.ends = dict(ends)
        self.places: dict[TopicPartition, int] = {}

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    def assign(self, places: list[TopicPartition]) -> None:
        self.places = dict.fromkeys(places, 0)

    def seek(self, place: TopicPartition, offset: int) -> None:
        self.places[place] = offset

    async def getmany(self, **_: Any) -> dict[TopicPartition, list[Any]]:
        await asyncio.sleep(0)
        found = {
            place: [SimpleNamespace(offset=offset) for offset in range(begin, self.ends[place])]
            for place, begin in self.places.items()
        }
        self.places = {place: self.ends[place] for place in self.places}
        return found


class Table:
    """Notes what it is told; it is not the owner's any more from `lost` on."""

    generation = 3

    def __init__(self, lost: int = 1_000) -> None:
        self.heard: list[tuple[int, int]] = []
        self.lost = lost

    async def begin_terms(self, tps: Any, confirms: Any) -> None:
        assert await confirms()

    async def heed(self, tp: Any, record: Any, confirms: Any) -> bool:
        self.heard.append((tp.partition, record.offset))
        return bool(record.offset < self.lost)


@pytest.fixture(name="log")
def _log(monkeypatch: pytest.MonkeyPatch) -> Log:
    log = Log({HERE: 4, THERE: 3})
    monkeypatch.setattr(module, "consumer", lambda *_, **__: log)
    return log


async def confirms(generation: int) -> bool:
    return generation == 3


async def turns() -> None:
    for _ in range(30):
        await asyncio.sleep(0)


async def test_what_is_owned_is_followed_from_its_end_on(log: Log) -> None:
    fence, table = Fence(Settings(), confirms, lambda: (HERE, THERE)), Table()
    following = asyncio.create_task(fence.run())
    await turns()
    assert not table.heard
    await fence.own(table, {HERE: 2})
    await turns()
    assert table.heard == [(0, 2), (0, 3)]
    await fence.own(table, {THERE: 2})
    await turns()
    assert table.heard == [(0, 2), (0, 3), (0, 2), (0, 3), (1, 2)]
    fence.drop()
    log.ends[HERE] = 9
    await turns()
    assert len(table.heard) == 5
    following.cancel()


async def test_what_was_lost_is_not_followed_any_more(log: Log) -> None:
    fence, table = Fence(Settings(), confirms, lambda: (HERE, THERE)), Table(lost=3)
    following = asyncio.create_task(fence.run())
    await fence.own(table, {HERE: 3, THERE: 2})
    await turns()
    log.ends |= {HERE: 6, THERE: 3}
    await turns()
    assert table.heard == [(0, 3), (1, 2)]
    following.cancel()


async def test_what_is_assigned_to_another_worker_is_not_owned(log: Log) -> None:
    # A recovery that a rebalance overtook tells of more than was assigned then.
    assigned = {HERE}
    fence, table = Fence(Settings(), confirms, lambda: assigned), Table()
    following = asyncio.create_task(fence.run())
    await fence.own(table, {HERE: 3, THERE: 2})
    await turns()
    assert table.heard == [(0, 3)]
    assigned.clear()
    log.ends[HERE] = 6
    await turns()
    assert table.heard == [(0, 3)]
    following.cancel()
