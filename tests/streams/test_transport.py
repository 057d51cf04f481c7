"""Partitions of streams flow only when Faust has cleared and opened their queues."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from streams.transport import Consumer

STREAM, CHANGELOG = TP("genre.classified", 0), TP("genre.recommend-decisions-changelog", 0)


@pytest.fixture
def consumer(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A consumer without Kafka that notes what reaches Faust."""
    made: Any = Consumer.__new__(Consumer)
    made._held = set()
    made.app = SimpleNamespace(tables=SimpleNamespace(changelog_topics={CHANGELOG.topic}))
    made.done = []
    made.perform_seek = lambda: "seek"
    made.add_future = made.done.append
    monkeypatch.setattr(driver.Consumer, "resume_partitions", lambda self, tps: self.done.append(set(tps)))
    monkeypatch.setattr(driver.Consumer, "pause_partitions", lambda self, tps: None)
    monkeypatch.setattr(driver.Consumer, "resume_flow", lambda self: self.done.append("flow"))
    return made


def test_changelogs_resume_at_once_and_streams_with_the_flow(consumer: Any) -> None:
    consumer.resume_partitions({STREAM, CHANGELOG})
    assert consumer.done == [{CHANGELOG}]
    consumer.resume_flow()
    assert consumer.done == [{CHANGELOG}, "flow", {STREAM}, "seek"]


def test_what_is_paused_again_does_not_flow(consumer: Any) -> None:
    consumer.resume_partitions({STREAM})
    consumer.pause_partitions({STREAM})
    consumer.resume_flow()
    assert consumer.done[-2:] == ["flow", set()]


async def test_a_partition_whose_position_is_looked_up_does_not_end_the_worker(consumer: Any) -> None:
    def position_of(now: float, partition: TP) -> None:
        raise AssertionError(partition)

    consumer.assignment = lambda: {STREAM}
    consumer.verify_event_path = position_of
    await consumer.verify_all_partitions_active()
