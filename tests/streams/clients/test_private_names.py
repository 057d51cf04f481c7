"""The names inside aiokafka that we read, set or extend: a version that moves one fails here."""

from __future__ import annotations

import inspect
import re
from importlib.metadata import version

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.consumer import fetcher
from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.record import default_records
from aiokafka.record.default_records import _DefaultRecordBatchPy as Batch

import streams.clients
from streams.clients.kafka import consumer as made
from streams.clients.kafka import suit
from streams.settings import Settings
from tests.streams.private_names import private_names

GUARDED: dict[str, tuple[object, str]] = {
    "_closed": (AIOKafkaConsumer.stop, "self._closed = True"),
    "_coordination_task": (GroupCoordinator.check_errors, "if self._coordination_task.done()"),
    "_coordinator": (AIOKafkaConsumer.getmany, "self._coordinator.check_errors()"),
    "_fetcher": (AIOKafkaConsumer.getmany, "self._fetcher.fetched_records("),
    "_pending_exception": (
        GroupCoordinator.check_errors,
        "exc = self._pending_exception",
    ),
    "_records": (fetcher.Fetcher._proc_fetch_request, "self._records[tp] = FetchResult("),
    "_subscription": (AIOKafkaConsumer.last_poll_timestamp, "self._subscription."),
    "_DefaultRecordBatchPy": (default_records, "class _DefaultRecordBatchPy("),
    "_DefaultRecordPy": (default_records, "class _DefaultRecordPy("),
    "_buffer": (Batch._read_msg, "buffer = self._buffer"),
    "_client": (
        AIOKafkaConsumer.partitions_for_topic,
        "return self._client.cluster.partitions_for_topic(topic)",
    ),
    "_fetch_max_wait_ms": (AIOKafkaConsumer.start, "fetch_max_wait_ms=self._fetch_max_wait_ms"),
    "_fetch_task": (fetcher.Fetcher.__init__, "self._fetch_task = create_task("),
    "_isolation_level": (AIOKafkaConsumer.start, "isolation_level=self._isolation_level"),
    "_pending_tasks": (fetcher.Fetcher.__init__, "self._pending_tasks = set()"),
    "_pos": (Batch._read_msg, "self._pos = pos"),
    "_read_msg": (Batch.__next__, "msg = self._read_msg()"),
}
"""Where the library uses each name, and how."""


def test_the_version_is_the_one_that_was_read() -> None:
    assert version("aiokafka") == "0.14.0"


def test_every_private_name_is_guarded() -> None:
    assert private_names(streams.clients) == set(GUARDED)


@pytest.mark.parametrize("name", GUARDED)
def test_a_guarded_name_means_what_it_meant(name: str) -> None:
    place, use = GUARDED[name]
    assert name in use and use in inspect.getsource(place)  # type: ignore[arg-type]


async def test_aiokafka_keeps_what_we_set_under_these_names() -> None:
    consumer = AIOKafkaConsumer(fetch_max_wait_ms=321)
    assert consumer._fetch_max_wait_ms == 321
    assert consumer._isolation_level == "read_uncommitted"
    suit(consumer, fetch_wait=0.005)
    assert (consumer._fetch_max_wait_ms, consumer._isolation_level) == (5, "read_committed")
    await consumer.stop()


async def test_our_consumers_read_committed_records() -> None:
    consumer = made(Settings())
    assert consumer._isolation_level == "read_committed"
    await consumer.stop()


async def test_a_client_asks_for_the_topics_that_it_was_told() -> None:
    consumer = AIOKafkaConsumer()
    assert "self.force_metadata_update()" in inspect.getsource(consumer._client.add_topic)
    await consumer.stop()


def test_aiokafka_asks_a_batch_for_nothing_that_ours_does_not_answer() -> None:
    source = inspect.getsource(fetcher.PartitionRecords)
    assert set(re.findall(r"next_batch\.(\w+)", source)) == {
        "base_offset", "is_control_batch", "is_transactional", "next_offset", "producer_id",
        "validate_crc",
    }  # fmt: skip
    assert "next(next_batch)" in source and "for record in next_batch" in source


def test_aiokafka_reads_batches_through_the_name_that_we_set() -> None:
    assert "records = MemoryRecords(part_data[-1])" in inspect.getsource(fetcher.Fetcher)
