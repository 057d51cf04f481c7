"""Tables: their changelog is flushed, its failures end the process, rows that it could not take are
refused."""

from __future__ import annotations

import asyncio
import logging
import os
from pathlib import Path
from typing import Any

import faust
import pytest
from faust.types.tuples import TP, RecordMetadata

from schemas.errors import Rejected
from streams.settings import Settings
from streams.wire.terms import Stamp, stamp_of
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


async def test_a_deleted_row_is_a_tombstone_under_the_same_term(
    rows: LoggedTable, buffer: Buffer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows, "partition_for_key", lambda key: 0)
    await owned(rows, 6)
    rows.data[b"ada"] = b"row"
    del rows[b"ada"]
    assert rows.pop(b"ada", None) is None
    assert written(buffer) == [(b"ada", None, 6)] * 2
    assert buffer.sent[0].message.value is None


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


class Event:
    """A record as a recovery gives it to a table."""

    def __init__(self, key: bytes, value: bytes | None, offset: int, *stamps: Stamp) -> None:
        self.key, self.value, self.message = key, value, self
        self.tp, self.partition, self.offset = PLACE, PLACE.partition, offset
        self.headers = [stamp.header() for stamp in stamps]


PLACE = TP("genre.test-preferences-changelog", 0)
OLD, NEW = Stamp(3, "paused"), Stamp(5, "owner")


def answers(*given: bool) -> Any:
    """What the group says, one answer each time that it is asked."""
    waiting = list(given)

    async def confirms() -> bool:
        return waiting.pop(0)

    return confirms


def written(buffer: Buffer) -> list[tuple[bytes, bytes | None, int]]:
    """Keys, rows and terms of what was sent to the changelog."""
    found = []
    for each in buffer.sent:
        stamp = stamp_of(each.message.headers)
        assert stamp is not None
        found.append((each.message.key, each.message.value, stamp.term))
    return found


async def owned(rows: LoggedTable, generation: int, *recovered: Event) -> None:
    """A table that was recovered from these records in that generation."""
    await rows.on_rebalance({PLACE}, set(), {PLACE}, generation)
    rows.apply_changelog_batch(recovered)
    await rows.begin_terms([PLACE], answers(True))


async def test_a_recovery_prefers_the_later_owner_and_writes_its_row_again(
    rows: LoggedTable, buffer: Buffer
) -> None:
    stale, healed = (Event(key, b"old", 11, OLD) for key in (b"ada", b"bob"))
    records = [Event(b"ada", b"new", 10, NEW), stale, healed, Event(b"bob", b"new", 12, NEW)]
    await owned(rows, 6, *records, Event(b"eve", b"old", 13, OLD))
    assert dict(rows.data.items()) == {b"ada": b"new", b"bob": b"new"}
    assert sorted(written(buffer)) == [(b"ada", b"new", 6), (b"eve", None, 6)]


async def test_a_group_that_was_made_anew_does_not_write_under_old_terms(
    rows: LoggedTable, buffer: Buffer
) -> None:
    await owned(rows, 1, Event(b"ada", b"row", 10, NEW))
    send(rows)
    assert written(buffer) == [(b"ada", b"row", NEW.term + 1)]


async def test_a_worker_that_lost_the_partition_while_it_recovered_writes_in_vain(
    rows: LoggedTable, buffer: Buffer
) -> None:
    await rows.on_rebalance({PLACE}, set(), {PLACE}, 4)
    rows.apply_changelog_batch([Event(b"ada", b"row", 10, NEW)])
    await rows.begin_terms([PLACE], answers(False))
    send(rows)
    assert written(buffer)[0][2] < NEW.term


async def test_the_owner_writes_over_what_another_worker_writes(
    rows: LoggedTable, buffer: Buffer
) -> None:
    await owned(rows, 6, Event(b"ada", b"new", 10, NEW))
    for foreign in (Event(b"ada", b"old", 11, OLD), Event(b"bob", b"old", 12)):
        assert await rows.heed(PLACE, foreign, answers())
    assert written(buffer) == [(b"ada", b"new", 6), (b"bob", None, 6)]
    own = Stamp(6, rows._writer)
    assert await rows.heed(PLACE, Event(b"ada", b"new", 13, own), answers())
    assert len(buffer.sent) == 2
    # What this very worker had written before it lost the partition, and has it again.
    assert await rows.heed(PLACE, Event(b"ada", b"old", 14, Stamp(2, rows._writer)), answers())
    assert written(buffer)[2:] == [(b"ada", b"new", 6)]


async def test_who_meets_a_later_term_asks_the_group_who_owns_the_partition(
    rows: LoggedTable, buffer: Buffer
) -> None:
    await owned(rows, 6, Event(b"ada", b"mine", 10, NEW))
    later = Event(b"ada", b"other", 11, Stamp(9, "other"))
    assert not await rows.heed(PLACE, later, answers(False)) and not buffer.sent
    assert await rows.heed(PLACE, later, answers(True))
    assert written(buffer) == [(b"ada", b"mine", 10)]


async def test_over_the_last_term_there_is_its_owner_writes_once(
    rows: LoggedTable, buffer: Buffer
) -> None:
    # Under a term that nobody can read, it would take its own records for another's, for ever.
    await owned(rows, 6, Event(b"ada", b"mine", 10, NEW))
    last = Stamp(2**62, "forged")
    assert await rows.heed(PLACE, Event(b"ada", b"other", 11, last), answers(True))
    (key, row, term), *_ = written(buffer)
    assert (key, row) == (b"ada", b"mine")
    own = Stamp(term, rows._writer)
    assert stamp_of([own.header()]) == own
    assert await rows.heed(PLACE, Event(b"ada", b"mine", 12, own), answers())
    assert len(buffer.sent) == 1


async def test_a_local_table_remembers_how_far_and_to_which_term_it_has_read(
    tmp_path: Path, buffer: Buffer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def opened() -> LoggedTable:
        app = faust.App("genre.test", broker="kafka://127.0.0.1:1", store="rocksdb://")
        app.conf.datadir = tmp_path
        (tmp_path / "tables").mkdir(exist_ok=True, parents=True)
        app.conf.tabledir = tmp_path / "tables"
        monkeypatch.setattr(app, "_producer", buffer)
        monkeypatch.setattr(app.assignor, "assigned_standbys", set)
        return table(app, "preferences", partitions=4)

    first = opened()
    await owned(first, 6, Event(b"ada", b"new", 10, NEW), Event(b"ada", b"old", 11, OLD))
    assert first.persisted_offset(PLACE) == 11
    assert await first.heed(PLACE, Event(b"x", None, 12, Stamp(6, first._writer)), answers())
    assert first.persisted_offset(PLACE) == 12
    await first.data.stop()
    again = opened()
    await owned(again, 7, Event(b"ada", b"old", 13, OLD))
    assert again.data.get(b"ada") == b"new"
    assert again.persisted_offset(PLACE) == 13


async def test_a_row_that_is_not_there_is_deleted_from_the_changelog_all_the_same(
    rows: LoggedTable, buffer: Buffer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows, "partition_for_key", lambda key: 0)
    # A kill may have come between RocksDB and the broker.
    assert rows.pop(b"ada", "none") == "none"
    (sent,) = buffer.sent
    assert (sent.message.key, sent.message.value) == (b"ada", None)
