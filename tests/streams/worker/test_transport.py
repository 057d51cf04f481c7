"""Partitions of streams flow only when Faust has cleared and opened their queues; changelogs are
read to their ends, whatever stands there."""

from __future__ import annotations

import asyncio
import logging
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from streams.wire.source import Unreadable
from streams.worker.transport import Consumer, ConsumerThread, Producer

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
    monkeypatch.setattr(
        driver.Consumer, "resume_partitions", lambda self, tps: self.done.append(set(tps))
    )
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


async def test_a_partition_whose_position_is_looked_up_does_not_end_the_worker(
    consumer: Any,
) -> None:
    def position_of(now: float, partition: TP) -> None:
        raise AssertionError(partition)

    consumer.assignment = lambda: {STREAM}
    consumer.verify_event_path = position_of
    await consumer.verify_all_partitions_active()


@pytest.fixture(name="recovering")
def _recovering(consumer: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A consumer amid a recovery: ten rows in the changelog, the sixth was the last to be seen."""

    async def nothing(self: Any, timeout: float) -> Any:
        return
        yield

    monkeypatch.setattr(driver.Consumer, "getmany", nothing)
    consumer.app.in_recovery = True
    consumer.app.tables.changelog_queue = asyncio.Queue()
    consumer.app.tables.recovery = SimpleNamespace(
        active_highwaters={CHANGELOG: 9},
        active_offsets={CHANGELOG: 5},
        active_remaining=lambda: {CHANGELOG: 4},
    )
    consumer._read_offset = {CHANGELOG: 5}
    consumer.at = 10

    async def position(tp: Any) -> int | None:
        if isinstance(consumer.at, Exception):
            raise consumer.at
        return int(consumer.at)

    consumer.position = position
    return consumer


async def polled(consumer: Any) -> int:
    """What Faust then believes to have seen last."""
    assert [each async for each in consumer.getmany(timeout=1.0)] == []
    return int(consumer.app.tables.recovery.active_offsets[CHANGELOG])


async def test_a_changelog_whose_last_offsets_are_no_rows_is_recovered(recovering: Any) -> None:
    assert await polled(recovering) == 9
    known = recovering.app.tables.changelog_queue.get_nowait().message
    assert known.tp == CHANGELOG and known.offset < 0


@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        ("at", 9),  # not at the end yet
        ("at", driver.IllegalStateError()),  # taken away
        ("_read_offset", {CHANGELOG: 6}),  # a row is still in the queue
    ],
)
async def test_a_changelog_is_not_passed_over_before_its_end(
    recovering: Any, attribute: str, value: Any
) -> None:
    setattr(recovering, attribute, value)
    assert await polled(recovering) == 5 and recovering.app.tables.changelog_queue.empty()


async def test_a_changelog_without_a_row_is_recovered(recovering: Any) -> None:
    recovering._read_offset = {CHANGELOG: None}
    recovering.app.tables.recovery.active_offsets[CHANGELOG] = -1
    assert await polled(recovering) == 9


async def test_what_stands_for_lost_rows_does_not_reach_a_table(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def record(topic: str, value: bytes) -> Any:
        return SimpleNamespace(topic=topic, partition=0, value=value)

    rows = {
        tp: [record(tp.topic, b"row"), record(tp.topic, Unreadable("a wrong checksum"))]
        for tp in (CHANGELOG, STREAM)
    }

    async def fetched(self: Any, active: Any, timeout: float) -> Any:
        return dict(rows)

    monkeypatch.setattr(driver.AIOKafkaConsumerThread, "getmany", fetched)
    thread: Any = object.__new__(ConsumerThread)
    tables = SimpleNamespace(changelog_topics={CHANGELOG.topic})
    monkeypatch.setattr(ConsumerThread, "app", SimpleNamespace(tables=tables), raising=False)
    found = await thread.getmany(None, 1.0)
    assert found == {CHANGELOG: rows[CHANGELOG][:1], STREAM: rows[STREAM]}
    assert "a wrong checksum" in caplog.text and CHANGELOG.topic in caplog.text


class Suspension:
    """The wait for a suspended flow that comes with every delivery."""

    closed = False

    def close(self) -> None:
        self.closed = True


class Full:
    """A channel whose queue is full or not."""

    def __init__(self, full: bool) -> None:
        self.queue = SimpleNamespace(full=lambda: full)


class Topics(list[Any]):
    """The conductor: its channels and its lock."""

    def __init__(self, *channels: Any) -> None:
        super().__init__(channels)
        self._tp_to_callback_lock = asyncio.Lock()


@pytest.fixture(name="flowing")
def _flowing(consumer: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A consumer whose deliveries cannot be kept waiting, and that notes which of them Faust waits
    for."""
    consumer.suspend_flow = asyncio.Event()
    consumer.app.flow_control = SimpleNamespace(is_active=lambda: True)
    consumer.app.topics = Topics(Full(False), Full(False))
    consumer.app.producer = SimpleNamespace(buffer=SimpleNamespace(size=100, max_messages=100))

    async def waits(self: Any, *waiting: Any, timeout: Any = None) -> Any:
        self.done.append("waits")
        waiting[0].close()

    monkeypatch.setattr(driver.Consumer, "wait_first", waits)
    return consumer


async def offered(consumer: Any) -> list[str]:
    """What happens to one message."""

    async def delivery() -> None:
        consumer.done.append("delivered")

    await consumer.wait_first(delivery(), Suspension())
    return list(consumer.done)


async def test_a_message_that_nothing_keeps_waiting_is_delivered_at_once(flowing: Any) -> None:
    suspension = Suspension()
    assert await offered(flowing) == ["delivered"]

    async def delivery() -> None:
        return None

    await flowing.wait_first(delivery(), suspension)
    assert suspension.closed


@pytest.mark.parametrize("hindrance", ["suspended", "flow", "queue", "buffer", "lock"])
async def test_a_message_that_may_have_to_wait_stays_cancellable_by_a_suspension(
    flowing: Any, hindrance: str
) -> None:
    match hindrance:
        case "suspended":
            flowing.suspend_flow.set()
        case "flow":
            flowing.app.flow_control.is_active = lambda: False
        case "queue":
            flowing.app.topics.append(Full(True))
        case "buffer":
            flowing.app.producer.buffer.size = 101
        case "lock":
            await flowing.app.topics._tp_to_callback_lock.acquire()
    assert await offered(flowing) == ["waits"]


async def test_a_flush_does_not_wait_for_what_comes_meanwhile() -> None:
    producer: Any = object.__new__(Producer)
    loop = asyncio.get_running_loop()
    before, after = loop.create_future(), loop.create_future()
    producer.buffer = SimpleNamespace(pending=SimpleNamespace(_queue=[before]))
    flushing = asyncio.create_task(producer.flush())
    await asyncio.sleep(0)
    producer.buffer.pending._queue.append(after)
    assert not flushing.done()
    before.set_result(None)
    await asyncio.wait_for(flushing, 1)


@pytest.fixture(name="busy")
def _busy(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A consumer with one event under way, in an app that notes that it gives up."""
    made: Any = Consumer.__new__(Consumer)
    made.loop = SimpleNamespace(time=lambda: asyncio.get_running_loop().time())
    made.log = logging.getLogger(__name__)
    made.done = []
    made._unacked_messages = {Mock(acked=False)}

    async def abandon() -> None:
        made.done.append("gives up")

    async def commit() -> None:
        made.done.append("commits")

    made.app = SimpleNamespace(patience=60.0, abandon=abandon)
    made.commit_and_end_transactions = commit
    monkeypatch.setattr(Consumer, "should_stop", False)
    return made


async def test_an_event_that_ends_is_waited_for(busy: Any) -> None:
    waiting = asyncio.create_task(busy.wait_empty())
    await asyncio.sleep(0.1)
    assert not busy.done
    next(iter(busy.unacked)).acked = True
    await asyncio.wait_for(waiting, 5)
    assert busy.done == ["commits"]


async def test_an_event_that_does_not_end_is_given_up_before_the_commit(busy: Any) -> None:
    busy.app.patience = 0.1
    await asyncio.wait_for(busy.wait_empty(), 5)
    assert busy.done == ["gives up", "commits"] and not busy.unacked


async def test_a_rebalance_does_not_wait_for_a_main_thread_that_has_stopped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def never(self: Any, *arguments: Any) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(driver.AIOKafkaConsumerThread, "on_partitions_revoked", never)
    monkeypatch.setattr(driver.AIOKafkaConsumerThread, "on_partitions_assigned", never)
    thread: Any = object.__new__(ConsumerThread)
    thread.loop = asyncio.get_running_loop()
    thread._stopped, thread._crashed = asyncio.Event(), asyncio.Event()
    revoking = asyncio.create_task(thread.on_partitions_revoked({STREAM}))
    assigning = asyncio.create_task(thread.on_partitions_assigned({STREAM}, 3))
    await asyncio.sleep(0.01)
    assert not revoking.done() and not assigning.done()
    thread._stopped.set()
    await asyncio.wait_for(asyncio.gather(revoking, assigning), 5)


@pytest.mark.parametrize(
    ("heartbeats", "generation", "confirmed"),
    [([True], 3, True), ([False, True], 3, True), ([False], -1, False), ([], 4, False)],
)
async def test_the_group_says_whether_this_worker_is_still_a_member(
    heartbeats: list[bool], generation: int, confirmed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`generation` is the coordinator's after the first heartbeat, or before if there is none."""
    coordinator: Any = SimpleNamespace(generation=3 if heartbeats else generation)

    async def heartbeat() -> bool:
        coordinator.generation = generation
        return heartbeats.pop(0)

    async def in_thread(fun: Any) -> Any:
        return await fun()

    coordinator._do_heartbeat = heartbeat
    thread: Any = object.__new__(ConsumerThread)
    thread._consumer = SimpleNamespace(_coordinator=coordinator)
    thread.call_thread = in_thread
    app = SimpleNamespace(conf=SimpleNamespace(broker_heartbeat_interval=0.01))
    monkeypatch.setattr(ConsumerThread, "app", app, raising=False)
    assert await thread.confirms(3) is confirmed
