"""A table in RocksDB: its rows in slices, and the index of those that matter."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import faust
import pytest
from faust.stores import rocksdb
from faust.streams import _current_event
from faust.types import TP

from streams.worker.store import Store
from streams.worker.tables import LoggedTable, scan, table
from tests.streams.worker.fakes import Message

CHANGELOG = "genre.test-decisions-changelog"


def is_open(row: bytes) -> bool:
    return row[:1] == b"O"


@pytest.fixture
async def rows(tmp_path: Path) -> LoggedTable:
    return opened(tmp_path)


def opened(folder: Path) -> LoggedTable:
    """A table as a process finds it, its partitions 0 and 1 assigned."""
    app = faust.App(
        "genre.test", broker="kafka://127.0.0.1:1", store="rocksdb://", datadir=str(folder)
    )
    found = table(app, "decisions", 4, indexed=is_open)
    assert isinstance(found.data, Store)
    for partition in (0, 1):
        found.data._db_for_partition(partition)
    return found


@contextmanager
def event_of(partition: int) -> Iterator[None]:
    """Tables are written in events; a row goes where its event came from."""
    event: Any = SimpleNamespace(message=SimpleNamespace(partition=partition))
    token = _current_event.set(lambda: event)
    try:
        yield
    finally:
        _current_event.reset(token)


def write(rows: LoggedTable, partition: int, **written: str) -> None:
    with event_of(partition):
        for key, row in written.items():
            rows.data[key.encode()] = row.encode()


def replayed(rows: Any, partition: int, **written: str | None) -> None:
    """What a changelog says."""
    rows.data.apply_changelog_batch(
        [
            SimpleNamespace(message=changed(partition, offset, key, row))
            for offset, (key, row) in enumerate(written.items())
        ],
        None,
        None,
    )


def changed(partition: int, offset: int, key: str, row: str | None) -> Any:
    value = None if row is None else row.encode()
    message = Message(CHANGELOG, partition, offset, key.encode(), value)
    return SimpleNamespace(
        tp=TP(CHANGELOG, partition), **{name: getattr(message, name) for name in message.__slots__}
    )


async def found(rows: LoggedTable, *partitions: int, indexed: bool = True) -> dict[str, str]:
    every = [each async for each in scan(rows, partitions, indexed=indexed)]
    assert len(dict(every)) == len(every)
    return {key.decode(): row.decode() for key, row in every}


@pytest.fixture
def looked_at(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The rows that the index's predicate is asked about."""
    asked: list[bytes] = []
    plain = Store._is_indexed

    def noted(self: Store, row: bytes) -> bool:
        asked.append(row)
        return plain(self, row)

    monkeypatch.setattr(Store, "_is_indexed", noted)
    return asked


async def test_open_rows_are_found_without_reading_the_others(
    rows: LoggedTable, looked_at: list[bytes]
) -> None:
    write(rows, 0, a="O1", b="A1", c="O2", d="O3")
    write(rows, 0, d="A3")
    write(rows, 1, e="O4")
    looked_at.clear()
    assert await found(rows, 0) == {"a": "O1", "c": "O2"}
    assert looked_at == [b"O1", b"O2"]
    assert await found(rows, 0, 1, indexed=False) == {
        "a": "O1", "b": "A1", "c": "O2", "d": "A3", "e": "O4"
    }  # fmt: skip


async def test_what_a_changelog_brings_is_indexed_and_what_leaves_is_not(
    rows: LoggedTable,
) -> None:
    write(rows, 0, a="O1", b="O2", c="O3")
    replayed(rows, 0, a="A1", b=None, d="O4", e="A5")
    assert await found(rows, 0) == {"c": "O3", "d": "O4"}
    with event_of(0):
        del rows.data[b"c"]
    assert await found(rows, 0) == {"d": "O4"}


async def test_the_index_is_no_row_and_survives_a_restart(
    rows: LoggedTable, tmp_path: Path, looked_at: list[bytes]
) -> None:
    write(rows, 0, a="O1", b="A1")
    rows.data.set_persisted_offset(TP(CHANGELOG, 0), 7)
    db = rows.data._db_for_partition(0)
    assert [*rows.data._visible_keys(db)] == [b"a", b"b"]
    assert dict(rows.data._visible_items(db)) == {b"a": b"O1", b"b": b"A1"}
    closed(rows)
    del db
    again = opened(tmp_path)
    looked_at.clear()
    assert await found(again, 0) == {"a": "O1"}
    assert looked_at == [b"O1"]


def closed(rows: LoggedTable) -> None:
    for db in rows.data._dbs.values():
        db.close()
    rows.data._dbs.clear()


async def test_rows_of_an_earlier_version_are_found_once_by_way_of_all(
    rows: LoggedTable, tmp_path: Path, looked_at: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    write(rows, 0, a="O1")
    rows.data.set_persisted_offset(TP(CHANGELOG, 0), 7)
    # An earlier version takes over, and knows of no index.
    with monkeypatch.context() as earlier:
        for name in ("_set", "_del", "set_persisted_offset"):
            earlier.setattr(Store, name, getattr(rocksdb.Store, name))
        write(rows, 0, a="A1", b="O2", c="A3")
        rows.data.set_persisted_offset(TP(CHANGELOG, 0), 9)
    closed(rows)
    again = opened(tmp_path)
    assert {key for key, row in (await found(again, 0)).items() if row[0] == "O"} == {"b"}
    looked_at.clear()
    assert await found(again, 0) == {"b": "O2"}
    assert b"A3" not in looked_at
    closed(again)
    later = opened(tmp_path)
    looked_at.clear()
    assert await found(later, 0) == {"b": "O2"} and b"A3" not in looked_at


async def test_a_scan_gives_the_loop_back_and_goes_on_where_it_was(
    rows: LoggedTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.worker.tables._SLICE", 0.0)
    write(rows, 0, **{f"k{number:03}": "A" for number in range(100)})
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    beside = asyncio.create_task(others())
    seen = []
    async for key, row in scan(rows, [0]):
        seen.append(key)
        if key == b"k010":
            write(rows, 0, k050="new", k0505="between")
        if key == b"k050":
            assert row == b"new"
    beside.cancel()
    assert turns >= 100
    assert seen == sorted({*seen}) and len(seen) == 101


async def test_a_partition_that_leaves_ends_its_scan(
    rows: LoggedTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.worker.tables._SLICE", 0.0)
    write(rows, 0, a="A", b="A", c="A")
    write(rows, 1, d="A")
    seen = []
    async for key, _ in scan(rows, [0, 1, 2]):
        seen.append(key)
        if key == b"a":
            rows.data.revoke_partitions(rows, {TP(rows.changelog_topic_name, 0)})
    assert seen == [b"a", b"d"]


async def test_a_dictionary_is_scanned_as_it_changes() -> None:
    rows = {b"a": b"1", b"b": b"2", b"c": b"3"}
    seen = []
    async for key, row in scan(rows, [0]):
        seen.append((key, row))
        if key == b"a":
            del rows[b"b"]
            rows[b"c"] = b"4"
            rows[b"d"] = b"5"
    assert seen == [(b"a", b"1"), (b"c", b"4")]


async def test_a_table_in_memory_is_scanned_like_a_dictionary() -> None:
    app = faust.App("genre.test", broker="kafka://127.0.0.1:1", store="memory://")
    rows = table(app, "decisions", 4, indexed=is_open)
    rows.data[b"a"] = b"O1"
    assert await found(rows, 0) == {"a": "O1"}
