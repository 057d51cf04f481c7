"""Tables of bytes whose changelog is trustworthy.

A refused record ends the process; a flush waits for all of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

import faust
from faust.tables import Table
from faust.tables.manager import TableManager

from schemas.errors import Rejected
from streams.ending import give_up

MAX_ROW_BYTES = 256 * 1024

# Of each partition's RocksDB, whose defaults look like a leak: 192 MiB buffered, 2 GiB cached.
_ROCKSDB = {
    "write_buffer_size": 8 * 2**20,
    "max_write_buffer_number": 2,
    "target_file_size_base": 16 * 2**20,
    "block_cache_size": 16 * 2**20,
}

Rows = MutableMapping[bytes, bytes]
Flush = Callable[[], Awaitable[None]]


async def nothing_to_flush() -> None:
    """The flush of rows that have no changelog."""


class LoggedTable(Table):
    """A Faust table of `bytes` rows.

    Faust swallows a failed changelog send and commits the input past it; here it ends the process
    instead, so that the input is delivered again.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._unacknowledged: set[Any] = set()

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


def table(app: faust.App, name: str, partitions: int) -> LoggedTable:
    """Declare a table of the app, its changelog partitioned like the topics its writers read."""
    rocksdb = dict(_ROCKSDB) if app.conf.store.scheme == "rocksdb" else {}
    declared = LoggedTable(
        app, name=name, key_type=bytes, value_type=bytes, partitions=partitions, options=rocksdb
    )
    app.tables.add(declared)
    return declared
