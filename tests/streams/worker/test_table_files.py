"""What was deleted is in no file, and what nobody here owns has no files."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

from faust.stores.rocksdb import RocksDBOptions

from streams.worker.table_files import scrub
from streams.worker.tables import _ROCKSDB

MARK = b"a text of somebody who was erased"


def opened(state: Path, partition: int, cluster: str = "cluster", role: str = "recommend") -> Any:
    folder = state / cluster / role / "v1" / "tables" / f"decisions-{partition}.db"
    folder.parent.mkdir(parents=True, exist_ok=True)
    return RocksDBOptions(**_ROCKSDB, use_rocksdict=True).open(folder)


def holding(state: Path) -> list[Path]:
    """The files that hold the text."""
    return [file for file in state.rglob("*") if file.is_file() and MARK in file.read_bytes()]


def folder_of(database: Any) -> Path:
    return Path(database.path())


def test_a_deleted_and_a_replaced_row_leave_every_file(tmp_path: Path) -> None:
    database = opened(tmp_path, 0)
    for row in range(2000):
        database.put(f"{row:05}".encode(), os.urandom(2000))
    for key in (b"00100/a", b"00200/b", b"00300/c"):
        database.put(key, MARK)
    database.flush()
    scrub(tmp_path, "recommend", {folder_of(database): database})
    assert holding(tmp_path) != []
    database.delete(b"00100/a")
    database.flush()
    database.put(b"00200/b", b"headstone")
    writing = threading.Thread(
        target=lambda: [database.put(f"{row:05}".encode(), b"new") for row in range(2000)]
    )
    writing.start()
    database.delete(b"00300/c")
    scrub(tmp_path, "recommend", {folder_of(database): database})
    writing.join()
    assert holding(tmp_path) == []
    assert database.get(b"00200/b") == b"headstone" and database.get(b"01999") == b"new"


def test_databases_of_former_partitions_and_clusters_are_destroyed_and_others_stay(
    tmp_path: Path,
) -> None:
    former, earlier = opened(tmp_path, 1), opened(tmp_path, 0, "another-cluster")
    elsewhere, mine = opened(tmp_path, 2), opened(tmp_path, 0)
    for database in (former, earlier, elsewhere, mine):
        database.put(b"ada", MARK)
    gone = [folder_of(former), folder_of(earlier)]
    former.close()
    earlier.close()
    scrub(tmp_path, "recommend", {folder_of(mine): mine})
    assert not any(folder.exists() for folder in gone)
    # Open elsewhere: another worker has been given the same folder.
    assert elsewhere.get(b"ada") == MARK and mine.get(b"ada") == MARK
    assert folder_of(elsewhere).exists()
