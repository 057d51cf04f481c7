"""Tables of bytes whose changelog is trustworthy.

A refused record ends the process; a flush waits for all of them. They are read whole in slices.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, MutableMapping
from typing import Any

import faust
from faust.tables import Table
from faust.tables.manager import TableManager

from schemas.errors import Rejected
from streams.ending import give_up
from streams.worker.store import Pages, Store

MAX_ROW_BYTES = 256 * 1024

# Of each partition's RocksDB, whose defaults look like a leak: 192 MiB buffered, 2 GiB cached.
_ROCKSDB = {
    "write_buffer_size": 8 * 2**20,
    "max_write_buffer_number": 2,
    "target_file_size_base": 16 * 2**20,
    "block_cache_size": 16 * 2**20,
}

_SLICE = 0.002  # seconds that a scan keeps the loop

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

    def send_changelog(self, *args: Any, **kwargs: Any) -> Any:
        """Send a row to the changelog and remember it until the broker has acknowledged it."""
        sent = super().send_changelog(*args, **kwargs)
        self._unacknowledged.add(sent)
        # Faust's own callback is called on success only.
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


class DeclaredTables(TableManager):
    """Starts without Faust's second of waiting for late tables: ours are declared with the app."""

    async def on_start(self) -> None:
        """Subscribe to the changelogs, then recover from them."""
        await self._update_channels()
        await self.recovery.start()


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
