"""The names inside Faust and aiokafka that we override or set: a version that renames one fails here."""

from __future__ import annotations

import inspect
from importlib.metadata import version
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.consumer import fetcher
from faust.tables import Table
from faust.topics import Topic
from faust.transport.drivers import aiokafka as driver
from faust.types.tuples import ConsumerMessage, FutureMessage, Message

from streams.transport import Consumer, ConsumerThread, Transport


def test_the_versions_are_those_that_were_read() -> None:
    assert (version("faust-streaming"), version("aiokafka")) == ("0.15.3", "0.14.0")


async def test_aiokafka_reads_its_fetch_wait_from_the_name_that_we_set() -> None:
    consumer = AIOKafkaConsumer(fetch_max_wait_ms=321)
    assert consumer._fetch_max_wait_ms == 321
    await consumer.stop()
    assert "fetch_max_wait_ms=self._fetch_max_wait_ms" in inspect.getsource(AIOKafkaConsumer.start)


def test_faust_makes_its_consumer_where_we_override_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Transport.Consumer is Consumer and issubclass(Consumer, driver.Consumer)
    assert "_new_consumer_thread" in vars(driver.Consumer)
    assert "_create_worker_consumer" in vars(driver.AIOKafkaConsumerThread)

    class Made:
        """What the driver would have made."""

    class App:
        """The part of the app that the thread reads."""

        fetch_wait = 0.005

    monkeypatch.setattr(driver.AIOKafkaConsumerThread, "_create_worker_consumer", lambda self, transport: Made())
    thread: Any = object.__new__(ConsumerThread)
    monkeypatch.setattr(ConsumerThread, "app", App, raising=False)
    assert thread._create_worker_consumer(None)._fetch_max_wait_ms == 5


def test_a_table_sends_every_change_through_the_method_that_we_override() -> None:
    assert "self.send_changelog(" in inspect.getsource(Table._send_changelog)
    assert "callback=self._on_changelog_sent" in inspect.getsource(Table.send_changelog)
    assert list(inspect.signature(Table._on_changelog_sent).parameters) == ["self", "fut"]


def test_a_failed_changelog_record_settles_its_future_but_calls_no_callback() -> None:
    # Faust swallows it: hence our own done-callback on the future, not an overridden `_on_changelog_sent`.
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


def test_aiokafka_reads_batches_through_the_name_that_we_set() -> None:
    assert "records = MemoryRecords(part_data[-1])" in inspect.getsource(fetcher.Fetcher)
