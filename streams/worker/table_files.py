"""The files of tables: what was deleted or replaced leaves them, and so do rows of others.

RocksDB keeps the bytes of a deleted row until it happens to compact, and a worker the files of
partitions that it had: no erase reaches either. All are caches; the changelogs hold every row.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rocksdict import Rdict

log = logging.getLogger(__name__)


def scrub(state: Path, role: str, open_here: Mapping[Path, Rdict]) -> None:
    """Leave nothing but rows in the databases that are open here, and destroy the role's others.

    Takes as long as it takes to write all rows once: for a thread. Databases below `state` that
    another process has open stay. Raises Exception when RocksDB cannot write.
    """
    ours = {folder.resolve() for folder in open_here}
    for folder in state.glob(f"*/{role}/v*/tables/*.db"):
        if folder.resolve() not in ours:
            _destroy(folder)
    for database in open_here.values():
        database.flush()
        database.compact_range(None, None)


def _destroy(folder: Path) -> None:
    from rocksdict import Rdict  # only a role with tables needs it

    try:
        Rdict.destroy(str(folder))
    except Exception as error:  # it has no class of its own: somebody holds the lock
        log.info("%s stays: %s", folder, error)
