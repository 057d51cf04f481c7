"""Tables of bytes whose changelog is trustworthy.

A refused record ends the process; a flush waits for all of them. What a worker writes that has lost
a partition and does not know never wins: see decision 23. Tables are read whole in slices.
"""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, MutableMapping
from pathlib import Path
from typing import Any

import faust
from faust.tables import Table
from faust.tables.manager import TableManager

from schemas.errors import Rejected
from streams.ending import give_up
from streams.wire.terms import Stamp, Terms, above, stamp_of
from streams.worker.store import Pages, Store

log = logging.getLogger(__name__)

MAX_ROW_BYTES = 256 * 1024

# Of each partition's RocksDB, whose defaults look like a leak: 192 MiB buffered, 2 GiB cached.
_ROCKSDB = {
    "write_buffer_size": 8 * 2**20,
    "max_write_buffer_number": 2,
    "target_file_size_base": 16 * 2**20,
    "block_cache_size": 16 * 2**20,
}

_SLICE = 0.002  # seconds that a scan keeps the loop
# Of the one number that Faust keeps with a local table.
_OFFSET_BITS = 48
_OFFSETS = (1 << _OFFSET_BITS) - 1

Rows = MutableMapping[bytes, bytes]
Flush = Callable[[], Awaitable[None]]


async def nothing_to_flush() -> None:
    """The flush of rows that have no changelog."""


class LoggedTable(Table):
    """A Faust table of `bytes` rows.

    Faust swallows a failed changelog send and commits the input past it; here it ends the process
    instead, so that the input is delivered again. `scan` finds the rows that `indexed` picks
    without reading the others.
    """

    def __init__(
        self, *args: Any, indexed: Callable[[bytes], bool] | None = None, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.indexed = indexed
        self._unacknowledged: set[Any] = set()
        self.generation = 0
        self._writer = uuid.uuid4().hex[:12]
        self._read = Terms()
        self._terms: dict[int, int] = {}
        self._stale: defaultdict[int, set[bytes]] = defaultdict(set)

    def _new_store_by_url(self, url: Any) -> Any:
        if not str(url).startswith("rocksdb:"):
            return super()._new_store_by_url(url)
        return Store(
            url,
            self.app,
            self,
            table_name=self.name,
            key_type=self.key_type,
            key_serializer=self.key_serializer,
            value_serializer=self.value_serializer,
            value_type=self.value_type,
            loop=self.loop,
            options=self.options,
        )

    def __setitem__(self, key: bytes, row: bytes) -> None:
        """Write a row. Raises Rejected (row_too_large) beyond 256 KiB: the changelog takes none."""
        if len(row) > MAX_ROW_BYTES:
            raise Rejected(
                "row_too_large", f"Expected a row of at most {MAX_ROW_BYTES} bytes, got {len(row)}."
            )
        super().__setitem__(key, row)

    def pop(self, key: bytes, default: Any = None) -> Any:
        """Delete a row; the row, or the default where there is none.

        The changelog gets its tombstone in either case: a kill may have come after RocksDB had
        deleted the row and before the changelog had.
        """
        row = self.get(key)
        if row is None:
            self.on_key_del(key)
            return default
        del self[key]
        return row

    def databases(self) -> dict[Path, Any]:
        """The open RocksDB databases by their folders; a table in memory has none."""
        if self.app.conf.store.scheme != "rocksdb":
            return {}
        store: Any = self.data
        return {store.partition_path(one): database for one, database in store._dbs.items()}

    def send_changelog(
        self, partition: int, key: bytes, value: bytes | None, *_: Any, **_serializers: Any
    ) -> Any:
        """Send a row to the changelog and remember it until the broker has acknowledged it.

        Keys and rows are bytes: what Faust says of serializers changes nothing.
        """
        stamp = Stamp(self._terms.get(partition, 0), self._writer)
        sent = self.changelog_topic.send_soon(
            key=key,
            value=value,
            partition=partition,
            headers=[stamp.header()],
            key_serializer="raw",
            value_serializer="raw",
            eager_partitioning=True,
        )
        self._unacknowledged.add(sent)
        # Faust's own callback is called on success only. It would note that all that stands before
        # the record is in the local table: not so where another worker has written meanwhile.
        sent.add_done_callback(self._on_settled)
        return sent

    def _on_settled(self, sent: Any) -> None:
        self._unacknowledged.discard(sent)
        if not sent.cancelled() and sent.exception() is not None:
            give_up(f"{self.name}: the changelog record was not written", sent.exception())

    @property
    def unacknowledged(self) -> int:
        """Changelog records that the broker has not acknowledged yet."""
        return len(self._unacknowledged)

    async def flush(self) -> None:
        """Wait until every row written so far stands in the changelog."""
        if self._unacknowledged:
            await asyncio.wait(set(self._unacknowledged))

    def persisted_offset(self, tp: Any) -> int | None:
        """Up to where the local table holds the changelog."""
        noted = self.data.persisted_offset(tp)
        return None if noted is None else noted & _OFFSETS

    async def on_rebalance(
        self,
        assigned: set[Any],
        revoked: set[Any],
        newly_assigned: set[Any],
        generation_id: int = 0,
    ) -> None:
        """Read on where the local table ends, with the term that it has reached there."""
        self.generation = generation_id
        await super().on_rebalance(assigned, revoked, newly_assigned, generation_id)
        for tp in assigned:
            if tp.topic != self.changelog_topic_name:
                continue
            noted = self.data.persisted_offset(tp)
            if noted is not None:
                self._read.highest[tp.partition] = noted >> _OFFSET_BITS
            elif tp in newly_assigned:
                self._read.highest.pop(tp.partition, None)

    def apply_changelog_batch(self, batch: Iterable[Any]) -> None:
        """Apply a recovery's records, except those that a later owner has superseded."""
        admitted, reached = [], {}
        for event in batch:
            message = event.message
            reached[message.tp] = message.offset
            if self._read.admits(message.partition, message.headers or ()):
                self._stale[message.partition].discard(message.key)
                admitted.append(event)
            else:
                self._stale[message.partition].add(message.key)
        super().apply_changelog_batch(admitted)
        for tp, offset in reached.items():
            self._note(tp, offset, self._read.highest.get(tp.partition, 0))

    async def begin_terms(
        self, tps: Iterable[Any], confirms: Callable[[], Awaitable[bool]]
    ) -> None:
        """Own these changelog partitions, which are recovered, under terms above all in them.

        The group's generation is one, and apart from it of every former owner's; unless the group
        was made anew meanwhile, as one that is long empty is. Or this worker has lost the partition
        again: then `confirms` says False, and what it still writes does not win.
        """
        for tp in tps:
            term, highest = self.generation, self._read.highest.get(tp.partition, 0)
            if highest >= term and await confirms():
                term = above(highest)
            self._terms[tp.partition] = term
            for key in self._stale.pop(tp.partition, ()):
                self._write_again(tp.partition, key)

    async def heed(self, tp: Any, record: Any, confirms: Callable[[], Awaitable[bool]]) -> bool:
        """Take note of a record of an owned partition; False: this worker does not own it any more.

        Over a record of another worker the row as it is here is written again: compaction keeps the
        last record of a key, whatever its term.
        """
        own, stamp = self._terms.get(tp.partition, 0), stamp_of(record.headers)
        if stamp != Stamp(own, self._writer):
            if stamp is not None and stamp.term >= own:
                if not await confirms():
                    return False
                self._terms[tp.partition] = own = above(stamp.term)
            log.warning("%s[%s]@%s is another worker's; written over", *tp, record.offset)
            self._write_again(tp.partition, record.key)
        self._note(tp, record.offset, own)
        return True

    def _write_again(self, partition: int, key: bytes) -> None:
        self.send_changelog(partition, key, self.data.get(key))

    def _note(self, tp: Any, offset: int, term: int) -> None:
        """Note how far the local table holds the changelog: the term goes above the offset."""
        self.data.set_persisted_offset(tp, (term << _OFFSET_BITS) | offset)


class DeclaredTables(TableManager):
    """Starts without Faust's second of waiting for late tables: ours are declared with the app."""

    async def on_start(self) -> None:
        """Subscribe to the changelogs, then recover from them."""
        await self._update_channels()
        await self.recovery.start()

    def on_partitions_revoked(self, revoked: set[Any]) -> None:
        """In a rebalance or at the end: own no partition any more."""
        self.app.fence.drop()
        super().on_partitions_revoked(revoked)


def table(
    app: faust.App, name: str, partitions: int, indexed: Callable[[bytes], bool] | None = None
) -> LoggedTable:
    """Declare a table of the app, its changelog partitioned like the topics its writers read."""
    rocksdb = dict(_ROCKSDB) if app.conf.store.scheme == "rocksdb" else {}
    declared = LoggedTable(
        app,
        name=name,
        key_type=bytes,
        value_type=bytes,
        partitions=partitions,
        options=rocksdb,
        indexed=indexed,
    )
    app.tables.add(declared)
    return declared


async def scan(
    rows: Rows, partitions: Iterable[int], *, indexed: bool = False, rest: bool = False
) -> AsyncIterator[tuple[bytes, bytes]]:
    """All rows of some partitions, or those that the table has `indexed`, a few at a time.

    Each is as it is when it comes: whoever awaits before using it may hold an old one. The loop is
    given back every two milliseconds, and with `rest` for as long. A row that is new meanwhile may
    be left out, and so is the rest of a partition that leaves. What knows no partitions (a
    dictionary, a table in memory) has no index either: all its rows come, also those that a former
    assignment left behind.
    """
    for pages in _pages(rows, partitions, indexed):
        start: bytes | None = b""
        while start is not None:
            until, last, start = time.monotonic() + _SLICE, start, None
            for key, row in pages(last):
                yield key, row
                if time.monotonic() >= until:
                    start = key + b"\0"  # the next key that there can be
                    break
            await asyncio.sleep(_SLICE * rest)


def _pages(rows: Rows, partitions: Iterable[int], indexed: bool) -> Iterator[Pages]:
    store = rows.data if isinstance(rows, LoggedTable) else None
    if isinstance(store, Store):
        yield from map(store.indexed_rows if indexed else store.rows, partitions)
    else:
        keys = iter(list(rows))
        yield lambda _: ((key, rows[key]) for key in keys if key in rows)
