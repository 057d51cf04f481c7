"""The note of a running `genre up`, by which other commands find its broker without being told."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import orjson

from streams.settings import Settings


@contextmanager
def announced(settings: Settings) -> Iterator[None]:
    """Keep the note while the block runs."""
    path = _path(settings)
    path.parent.mkdir(parents=True, exist_ok=True)
    note = {
        "pid": os.getpid(),
        "brokers": settings.brokers,
        "incarnation": settings.incarnation,
        "partitions": settings.partitions,
        "prefix": settings.prefix,
        "fetch_wait": settings.fetch_wait,
    }
    # Renamed into its place: another command reads the whole note, or none.
    partial = path.with_name(f"{path.name}.{os.getpid()}")
    partial.write_bytes(orjson.dumps(note))
    partial.replace(path)
    try:
        yield
    finally:
        if _read(path).get("pid") == os.getpid():
            path.unlink(missing_ok=True)


def found(settings: Settings) -> Settings:
    """The settings of a running `genre up`, unless these name another broker."""
    note = _read(_path(settings))
    if settings.brokers not in (Settings().brokers, note.get("brokers")):
        return settings
    if not note or not Path(f"/proc/{note.pop('pid')}").exists():
        return settings
    return replace(settings, **note)  # type: ignore[arg-type]


def _path(settings: Settings) -> Path:
    return settings.state / "up.json"


def _read(path: Path) -> dict[str, object]:
    try:
        note = orjson.loads(path.read_bytes())
    except (OSError, orjson.JSONDecodeError):
        return {}
    return note if isinstance(note, dict) else {}
