"""The RocksDB of a table: rows in order from any key on, and an index of the few that matter.

The index never leaves the machine. It lies beside the rows, under keys of its own, and says with
the offset of the changelog how far it is true: where an earlier version wrote rows meanwhile, it is
made again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from faust.stores import rocksdb
from faust.streams import current_event
from rocksdict import WriteBatch

Pages = Callable[[bytes], Iterator[tuple[bytes, bytes]]]
"""Rows of one partition in the order of their keys, from a key on, as they are now."""

_INDEX = b"\0index/"
_COMPLETE = b"\0indexed"
_OWN = b"\0index"  # how both begin


class Store(rocksdb.Store):
    """Faust's store of a `LoggedTable`, whose `indexed` says which rows are in the index."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._complete: set[int] = set()

    def rows(self, partition: int) -> Pages:
        """All rows of a partition; none once it is assigned to another worker."""

        def pages(start: bytes) -> Iterator[tuple[bytes, bytes]]:
            for key, row in self._from(partition, max(start, b"\1")):
                if key != self.offset_key:
                    yield key, row

        return pages

    def indexed_rows(self, partition: int) -> Pages:
        """The rows of a partition that `indexed` picks; for the first time, by way of all."""
        return self._by_index(partition) if partition in self._complete else self._all(partition)

    def _by_index(self, partition: int) -> Pages:
        def pages(start: bytes) -> Iterator[tuple[bytes, bytes]]:
            for entry, _ in self._from(partition, _INDEX + start):
                if not entry.startswith(_INDEX):
                    return
                key = entry.removeprefix(_INDEX)
                row = self._dbs[partition].get(key)
                if row is not None and self._is_indexed(row):
                    yield key, row

        return pages

    def _all(self, partition: int) -> Pages:
        def pages(start: bytes) -> Iterator[tuple[bytes, bytes]]:
            for key, row in self.rows(partition)(start):
                if self._is_indexed(row):
                    self._dbs[partition].put(_INDEX + key, b"")
                yield key, row
            db = self._dbs.get(partition)
            if db is not None:
                self._complete.add(partition)
                if (offset := db.get(self.offset_key)) is not None:
                    db.put(_COMPLETE, offset)

        return pages

    def _from(self, partition: int, start: bytes) -> Iterator[tuple[bytes, bytes]]:
        db = self._dbs.get(partition)
        return iter(()) if db is None else db.items(from_key=start)

    def _is_indexed(self, row: bytes) -> bool:
        return self.table.indexed is not None and self.table.indexed(row)

    def _open_for_partition(self, partition: int) -> Any:
        db = super()._open_for_partition(partition)
        self._complete.discard(partition)
        if self.table.indexed is not None and db.get(_COMPLETE) == db.get(self.offset_key):
            self._complete.add(partition)
        return db

    def set_persisted_offset(self, tp: Any, offset: int) -> None:
        """Remember the offset, together with how far the index is true."""
        db = self._db_for_partition(tp.partition)
        batch = WriteBatch(raw_mode=True)
        for key in (self.offset_key, *([_COMPLETE] if tp.partition in self._complete else [])):
            batch.put(key, str(offset).encode())
        db.write(batch)

    # A row enters the index before it is written, and leaves it afterwards: a kill in between
    # leaves an entry too much, which the row itself belies, never one too little.

    def _set(self, key: bytes, value: bytes | None) -> None:
        if self.table.indexed is None or value is None:
            return super()._set(key, value)
        event = current_event()
        assert event is not None
        db = self._db_for_partition(event.message.partition)
        if self._is_indexed(value):
            db.put(_INDEX + key, b"")
            return super()._set(key, value)
        super()._set(key, value)
        return db.delete(_INDEX + key)

    def _del(self, key: bytes) -> None:
        super()._del(key)
        if self.table.indexed is not None:
            for db in self._dbs_for_key(key):
                db.delete(_INDEX + key)

    def apply_changelog_batch(self, batch: Any, to_key: Any, to_value: Any) -> None:
        """Write what a changelog says."""
        events = list(batch)
        newest = {} if self.table.indexed is None else {
            (event.message.partition, event.message.key): event.message.value for event in events
        }  # fmt: skip
        entering = {place for place, row in newest.items() if row and self._is_indexed(row)}
        for partition, key in entering:
            self._db_for_partition(partition).put(_INDEX + key, b"")
        super().apply_changelog_batch(events, to_key, to_value)
        for partition, key in newest.keys() - entering:
            db = self._db_for_partition(partition)
            if db.get(_INDEX + key) is not None:
                db.delete(_INDEX + key)

    def _visible_keys(self, db: Any) -> Iterator[bytes]:
        return (key for key in super()._visible_keys(db) if not key.startswith(_OWN))

    def _visible_items(self, db: Any) -> Iterator[tuple[bytes, bytes]]:
        return (each for each in super()._visible_items(db) if not each[0].startswith(_OWN))
