"""Tables: their changelog is flushed, its failures end the process, rows that it could not take are
refused."""

from __future__ import annotations

import asyncio
import logging
import os
from typing import Any

import faust
import pytest
from faust.types.tuples import TP, RecordMetadata

from schemas.errors import Rejected
from streams.settings import Settings
from streams.worker.tables import MAX_ROW_BYTES, LoggedTable, table


class Buffer:
    """Faust's producer as a table sees it: takes messages, delivers when the test says so."""

    def __init__(self) -> None:
        self.sent: list[Any] = []

    def send_soon(self, message: Any) -> None:
        """Take a message for later."""
        self.sent.append(message)

    def deliver(self, message: Any, error: Exception | None = None) -> None:
        """Report the delivery to the topic of the message, as Faust does when the broker has
        answered."""
        report: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        if error is None:
            report.set_result(RecordMetadata("t", 0, TP("t", 0), 5, None, None))
        else:
            report.set_exception(error)
        message.message.channel._on_published(report, message, self, None)


@pytest.fixture
def buffer() -> Buffer:
    return Buffer()


@pytest.fixture
async def rows(buffer: Buffer, monkeypatch: pytest.MonkeyPatch) -> LoggedTable:
    app = faust.App(
        "genre.test", broker="kafka://127.0.0.1:1", store="memory://", producer_only=True
    )
    monkeypatch.setattr(app, "_producer", buffer)
    return table(app, "preferences", partitions=4)


def send(rows: LoggedTable) -> Any:
    return rows.send_changelog(0, b"ada", b"row")


async def test_the_changelog_is_the_declared_topic_and_takes_bytes_as_they_are(
    rows: LoggedTable, buffer: Buffer
) -> None:
    settings = Settings()
    send(rows)
    message = buffer.sent[0].message
    assert rows.changelog_topic.get_topic_name() == "genre.test-preferences-changelog"
    assert settings.topic("test-preferences-changelog") == rows.changelog_topic.get_topic_name()
    assert (message.key, message.value, message.partition) == (b"ada", b"row", 0)


async def test_a_flush_waits_for_every_row_that_was_sent(rows: LoggedTable, buffer: Buffer) -> None:
    first, second = send(rows), send(rows)
    flushing = asyncio.create_task(rows.flush())
    for sent in (second, first):
        await asyncio.sleep(0)
        assert not flushing.done()
        buffer.deliver(sent)
    await asyncio.wait_for(flushing, 1)
    await asyncio.wait_for(rows.flush(), 1)


async def test_a_changelog_record_that_the_broker_refuses_ends_the_process(
    rows: LoggedTable, buffer: Buffer, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended: list[int] = []
    monkeypatch.setattr(os, "_exit", ended.append)
    monkeypatch.setattr(logging, "shutdown", lambda: None)
    sent = send(rows)
    flushing = asyncio.create_task(rows.flush())
    await asyncio.sleep(0)
    buffer.deliver(sent, ConnectionError("refused"))
    for _ in range(3):
        await asyncio.sleep(0)
    flushing.cancel()
    assert isinstance(sent.exception(), ConnectionError)
    assert ended == [70]


async def test_a_row_that_the_changelog_could_not_take_is_refused_before_it_is_written(
    rows: LoggedTable,
) -> None:
    with pytest.raises(Rejected) as caught:
        rows[b"ada"] = b"x" * (MAX_ROW_BYTES + 1)
    assert caught.value.code == "row_too_large"


async def test_a_row_that_is_not_there_is_deleted_from_the_changelog_all_the_same(
    rows: LoggedTable, buffer: Buffer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows, "partition_for_key", lambda key: 0)
    # A kill may have come between RocksDB and the broker.
    assert rows.pop(b"ada", "none") == "none"
    (sent,) = buffer.sent
    assert (sent.message.key, sent.message.value) == (b"ada", None)
