"""Files and folders that appear whole or not at all, whatever is killed and whoever else writes.

They are made beside their place, as `NAME.partial`, and renamed. One process and one thread makes a
`NAME` at a time; what a kill has left behind, the next one throws away.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


def write(file: Path, content: bytes) -> None:
    """Put `content` into a file, in place of what is there. Raises OSError."""
    with _partial(file) as partial:
        partial.write_bytes(content)
        partial.replace(file)


def make_once(target: Path, make: Callable[[Path], object]) -> Path:
    """`target`, a file or a folder, made by `make(path)` where it is not there yet.

    Raises OSError and what `make` raises; then there is nothing.
    """
    if not target.exists():
        with _partial(target) as partial:
            if not target.exists():
                make(partial)
                partial.replace(target)
    return target


def make_anew(target: Path, make: Callable[[Path], object]) -> None:
    """The same in place of what is there; between two renames there may be neither."""
    with _partial(target) as partial:
        make(partial)
        _remove(target)
        partial.replace(target)


@contextmanager
def _partial(target: Path) -> Iterator[Path]:
    """A free path beside `target`, nobody else's while the block runs."""
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f"{target.name}.partial")
    with _locked(target.with_name(f"{target.name}.lock")):
        _remove(partial)
        try:
            yield partial
        finally:
            _remove(partial)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold a lock that ends with this process at the latest; its file is removed."""
    handle = _acquired(path)
    try:
        yield
    finally:
        path.unlink()
        os.close(handle)


def _acquired(path: Path) -> int:
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        fcntl.flock(handle, fcntl.LOCK_EX)
        if os.fstat(handle).st_nlink:
            return handle
        os.close(handle)  # whoever held it has removed it: a lock that no newcomer sees


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
