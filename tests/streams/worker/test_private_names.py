"""The names inside Faust that we override, read or set: a version that moves one fails here."""

from __future__ import annotations

import asyncio
import inspect
from importlib.metadata import version
from typing import Any

import faust
import mode.utils.logging
import pytest
from aiokafka.consumer.group_coordinator import GroupCoordinator
from faust.sensors.base import SensorDelegate
from faust.stores import base as stores
from faust.stores import rocksdb
from faust.tables import Table, recovery
from faust.tables.manager import TableManager
from faust.tables.recovery import Recovery
from faust.topics import Topic
from faust.transport import conductor, consumer
from faust.transport.drivers import aiokafka as driver
from faust.transport.producer import ProducerBuffer
from faust.types.tuples import ConsumerMessage, FutureMessage, Message

import streams.worker
from streams.settings import Settings
from streams.worker.tables import DeclaredTables
from streams.worker.transport import Consumer, ConsumerThread, Producer, Transport
from tests.streams.private_names import private_names


def test_the_version_is_the_one_that_was_read() -> None:
    assert version("faust-streaming") == "0.15.3"


GUARDED: dict[str, tuple[object, str]] = {
    "_committed_offset": (
        consumer.Consumer._commit_offsets,
        "self._committed_offset.update(committable_offsets)",
    ),
    "_consumer": (
        driver.AIOKafkaConsumerThread.on_start,
        "self._consumer = self._create_consumer(",
    ),
    "_current_frames": (mode.utils.logging, "sys._current_frames()"),
    "_coordinator": (
        driver.ConsumerRebalanceListener.on_partitions_assigned,
        "self._thread._ensure_consumer()._coordinator.generation",
    ),
    "_create_worker_consumer": (
        driver.AIOKafkaConsumerThread._create_consumer,
        "self._create_worker_consumer(transport)",
    ),
    "_db_for_partition": (rocksdb.Store._set, "db = self._db_for_partition(partition)"),
    "_dbs": (rocksdb.Store._db_for_partition, "return self._dbs[partition]"),
    "_dbs_for_key": (rocksdb.Store._del, "for db in self._dbs_for_key(key)"),
    "_del": (stores.SerializedStore.__delitem__, "self._del(self._encode_key(key))"),
    "_new_store_by_url": (Table._new_store, "self._new_store_by_url("),
    "_read_offset": (consumer.Consumer._drain_messages, "self._read_offset.__setitem__"),
    "_new_consumer_thread": (consumer.ThreadDelegateConsumer, "self._new_consumer_thread()"),
    "_open_for_partition": (
        rocksdb.Store._db_for_partition,
        "self._dbs[partition] = self._open_for_partition(partition)",
    ),
    "_producer": (driver.Producer.flush, "await self._producer.flush()"),
    "_queue": (asyncio.Queue, "self._queue = collections.deque()"),
    "_set": (
        stores.SerializedStore.__setitem__,
        "self._set(self._encode_key(key), self._encode_value(value))",
    ),
    "_do_heartbeat": (GroupCoordinator._heartbeat_routine, "success = await self._do_heartbeat()"),
    "_ensure_consumer": (driver.AIOKafkaConsumerThread._commit, "self._ensure_consumer()"),
    "_on_rebalance_when_stopped": (
        faust.App._on_partitions_revoked,
        "return self._on_rebalance_when_stopped()",
    ),
    "_thread": (driver.Consumer.verify_event_path, "self._thread.verify_event_path(now, tp)"),
    "_tp_to_callback_lock": (
        conductor.Conductor._compile_message_handler,
        "async with self._tp_to_callback_lock",
    ),
    "_update_channels": (TableManager.on_start, "await self._update_channels()"),
    "_visible_items": (rocksdb.Store._iteritems, "yield from self._visible_items(db)"),
    "_visible_keys": (rocksdb.Store._iterkeys, "yield from self._visible_keys(db)"),
}
"""Where the library uses each name, and how."""


def test_every_private_name_is_guarded() -> None:
    assert private_names(streams.worker) == set(GUARDED)


@pytest.mark.parametrize("name", GUARDED)
def test_a_guarded_name_means_what_it_meant(name: str) -> None:
    place, use = GUARDED[name]
    assert name in use and use in inspect.getsource(place)  # type: ignore[arg-type]


def test_a_known_row_makes_faust_look_whether_a_recovery_has_ended() -> None:
    source = inspect.getsource(recovery)
    taken, looked = source.split("seen_offset = offsets.get(tp, None)")
    assert "message = event.message" in taken and "offset = message.offset" in taken
    assert "if seen_offset is None or offset > seen_offset:" in looked
    assert "await _maybe_signal_recovery_end()" in looked
    assert "highwater - offsets[tp]" in inspect.getsource(recovery.Recovery.active_remaining)
    drain = inspect.getsource(consumer.Consumer._drain_messages)
    assert drain.index("callback(message)") < drain.index("set_read_offset(tp, offset)")


def test_faust_makes_its_consumer_where_we_override_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Transport.Consumer is Consumer and issubclass(Consumer, driver.Consumer)

    class Made:
        """What the driver would have made."""

    class App:
        """The part of the app that the thread reads."""

        genre_settings = Settings(fetch_wait=0.005)

    monkeypatch.setattr(
        driver.AIOKafkaConsumerThread, "_create_worker_consumer", lambda self, transport: Made()
    )
    thread: Any = object.__new__(ConsumerThread)
    monkeypatch.setattr(ConsumerThread, "app", App, raising=False)
    made = thread._create_worker_consumer(None)
    assert (made._fetch_max_wait_ms, made._isolation_level) == (5, "read_committed")


def test_a_table_sends_every_change_through_the_method_that_we_override() -> None:
    assert "self.send_changelog(" in inspect.getsource(Table._send_changelog)
    assert "return self.changelog_topic.send_soon(" in inspect.getsource(Table.send_changelog)
    # We call none: the fence notes how far the local table holds the changelog.
    assert "self.data.set_persisted_offset(" in inspect.getsource(Table._on_changelog_sent)


def test_a_recovery_hands_its_records_and_its_ends_to_what_we_override() -> None:
    source = inspect.getsource(Recovery)
    assert "table.apply_changelog_batch(buf)" in source
    assert "table.persisted_offset(tp)" in source
    assert "tp: value - 1 if value is not None else -1" in source
    assert "self.data.apply_changelog_batch(" in inspect.getsource(Table.apply_changelog_batch)
    assert "await self.call_recover_callbacks()" in inspect.getsource(Table.on_recovery_completed)


def test_a_failed_changelog_record_settles_its_future_but_calls_no_callback() -> None:
    # Faust swallows it: hence our own done-callback on the future, not an overridden
    # `_on_changelog_sent`.
    source = inspect.getsource(Topic._on_published)
    failed, published = source.split("else:")
    assert "message.set_exception(exc)" in failed and "callback(" not in failed
    assert "callback(message)" in published
    assert hasattr(FutureMessage, "add_done_callback")


def test_a_message_is_acknowledged_when_its_last_reference_goes() -> None:
    acknowledged: list[str] = []

    class Reader:
        """Faust's consumer as a message sees it."""

        def ack(self, message: Any) -> bool:
            acknowledged.append("acknowledged")
            return True

    message = ConsumerMessage("t", 0, 0, 1.0, 0, (), b"k", b"v", None)
    message.incref()
    message.incref()
    message.ack(Reader())
    assert acknowledged == []
    message.ack(Reader())
    assert acknowledged == ["acknowledged"]
    assert {"incref", "ack"} <= set(vars(Message))


def test_the_drain_loop_waits_for_every_message_in_the_call_that_we_override() -> None:
    source = inspect.getsource(consumer)
    assert source.count("wait_first(") == 1
    drain = "".join(inspect.getsource(consumer.Consumer._drain_messages).split())
    assert "awaitself.wait_first(callback(message),self.suspend_flow.wait())" in drain


def test_a_delivery_waits_only_where_we_look() -> None:
    # The compiled handler does the same; its source comes along.
    handler = inspect.getsource(conductor.ConductorCompiler.build)
    awaited = {
        line.split("await ")[1].split("(")[0] for line in handler.splitlines() if "await " in line
    }
    assert awaited == {
        "acquire_flow_control",
        "wait_until_producer_ebb",
        "chan.decode",
        "asyncio.wait",
        "channel.on_key_decode_error",
        "channel.on_value_decode_error",
    }
    assert "if self.size > self.max_messages" in inspect.getsource(ProducerBuffer.wait_until_ebb)


def test_a_commit_flushes_the_producer_that_we_override() -> None:
    assert Transport.Producer is Producer and issubclass(Producer, driver.Producer)
    assert "await self.app.producer.flush()" in inspect.getsource(consumer.Consumer._commit_offsets)
    assert "self.buffer.flush()" in inspect.getsource(driver.Producer.flush)
    assert "self.pending.put_nowait(fut)" in inspect.getsource(ProducerBuffer.put)


def test_the_monitor_becomes_a_sensor_before_we_remove_it() -> None:
    assert "self.sensors.add(self.monitor)" in inspect.getsource(faust.App.on_init_dependencies)
    assert {"add", "remove"} <= set(vars(SensorDelegate))


def test_faust_starts_its_tables_with_a_second_of_waiting_and_the_calls_that_we_keep() -> None:
    def awaited(method: object) -> list[str]:
        return [line.strip() for line in inspect.getsource(method).splitlines() if "await " in line]  # type: ignore[arg-type]

    assert awaited(TableManager.on_start) == [
        "await self.sleep(1.0)",
        *awaited(DeclaredTables.on_start),
    ]
