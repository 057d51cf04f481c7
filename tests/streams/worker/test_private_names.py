"""The names inside Faust that we override, read or set: a version that moves one fails here."""

from __future__ import annotations

import asyncio
import inspect
from importlib.metadata import version
from typing import Any

import faust
import pytest
from faust.sensors.base import SensorDelegate
from faust.stores.rocksdb import Store
from faust.tables import Table
from faust.tables.manager import TableManager
from faust.topics import Topic
from faust.transport import conductor, consumer
from faust.transport.drivers import aiokafka as driver
from faust.transport.producer import ProducerBuffer
from faust.types.tuples import ConsumerMessage, FutureMessage, Message

import streams.worker
from streams.worker.tables import DeclaredTables
from streams.worker.transport import Consumer, ConsumerThread, Producer, Transport
from tests.streams.private_names import private_names


def test_the_version_is_the_one_that_was_read() -> None:
    assert version("faust-streaming") == "0.15.3"


GUARDED: dict[str, tuple[object, str]] = {
    "_dbs": (Store.revoke_partitions, "self._dbs.pop(tp.partition"),
    "_create_worker_consumer": (
        driver.AIOKafkaConsumerThread._create_consumer,
        "self._create_worker_consumer(transport)",
    ),
    "_new_consumer_thread": (consumer.ThreadDelegateConsumer, "self._new_consumer_thread()"),
    "_producer": (driver.Producer.flush, "await self._producer.flush()"),
    "_queue": (asyncio.Queue, "self._queue = collections.deque()"),
    "_tp_to_callback_lock": (
        conductor.Conductor._compile_message_handler,
        "async with self._tp_to_callback_lock",
    ),
    "_update_channels": (TableManager.on_start, "await self._update_channels()"),
}
"""Where the library uses each name, and how."""


def test_every_private_name_is_guarded() -> None:
    assert private_names(streams.worker) == set(GUARDED)


@pytest.mark.parametrize("name", GUARDED)
def test_a_guarded_name_means_what_it_meant(name: str) -> None:
    place, use = GUARDED[name]
    assert name in use and use in inspect.getsource(place)  # type: ignore[arg-type]


def test_faust_makes_its_consumer_where_we_override_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Transport.Consumer is Consumer and issubclass(Consumer, driver.Consumer)

    class Made:
        """What the driver would have made."""

    class App:
        """The part of the app that the thread reads."""

        fetch_wait = 0.005

    monkeypatch.setattr(
        driver.AIOKafkaConsumerThread, "_create_worker_consumer", lambda self, transport: Made()
    )
    thread: Any = object.__new__(ConsumerThread)
    monkeypatch.setattr(ConsumerThread, "app", App, raising=False)
    assert thread._create_worker_consumer(None)._fetch_max_wait_ms == 5


def test_a_table_sends_every_change_through_the_method_that_we_override() -> None:
    assert "self.send_changelog(" in inspect.getsource(Table._send_changelog)
    assert "callback=self._on_changelog_sent" in inspect.getsource(Table.send_changelog)
    assert list(inspect.signature(Table._on_changelog_sent).parameters) == ["self", "fut"]


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
