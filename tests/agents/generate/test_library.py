"""Adapters that are announced elsewhere come to this machine, checked."""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from agents.generate import library as libraries
from agents.generate.library import Library
from agents.genres.registry import Registry
from genre_models.adapters import AdapterStore, read_adapter
from genre_models.adapters.depot import upload
from schemas.adapters import AdapterEvent
from schemas.errors import ModelError
from tests.agents.generate.conftest import BASE
from tests.agents.genres.test_registry import HAIKU
from tests.genre_models.tiny import make_adapter


@pytest.fixture
def event(tmp_path: Path) -> AdapterEvent:
    """An adapter that was published to a place in memory."""
    folder, place = (
        make_adapter(tmp_path / "haiku", BASE, "haiku"),
        f"memory://{uuid.uuid4().hex}/adapters",
    )
    adapter = read_adapter(folder, BASE)
    upload(folder, str(adapter.name), place)
    return replace(HAIKU, name=str(adapter.name), digest=adapter.digest, location=place)


def soon() -> datetime:
    return datetime.now(UTC) + timedelta(seconds=20)


async def test_a_task_that_is_quicker_than_the_announcement_waits_for_the_files(
    event: AdapterEvent, tmp_path: Path
) -> None:
    store, registry = AdapterStore(tmp_path / "store", BASE), Registry()
    library = Library(registry, store, (event.location or "",))
    asyncio.get_running_loop().call_later(0.1, registry.apply, event.name, event)
    await library.present([event.name], soon())
    assert [str(name) for name in store.names()] == [event.name]


async def test_present_gives_up_at_the_deadline(tmp_path: Path) -> None:
    library = Library(Registry(), AdapterStore(tmp_path, BASE))
    await asyncio.wait_for(library.present(["haiku@000000000000"], datetime.now(UTC)), 2)


async def test_an_adapter_of_another_base_is_neither_fetched_nor_waited_for(
    event: AdapterEvent, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = list[str]()
    monkeypatch.setattr(libraries, "download", lambda *given: tried.append(given[2]))
    registry = Registry()
    library = Library(registry, AdapterStore(tmp_path / "store", BASE), (event.location or "",))
    foreign = replace(event, base_fingerprint="b" * 64)
    registry.apply(foreign.name, foreign)
    library.fetch_soon(foreign)
    await library.present([foreign.name], soon())
    library._thread.submit(int).result()
    assert tried == []
    library.fetch_soon(event)
    library._thread.submit(int).result()
    assert tried == [event.name]


async def test_a_fetch_that_fails_is_tried_again_later_each_time(
    event: AdapterEvent, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, tried = 100.0, list[float]()

    def fail(*_: object) -> None:
        tried.append(now)
        raise ModelError("adapter_missing", "gone")

    monkeypatch.setattr(libraries, "download", fail)
    monkeypatch.setattr("agents.generate.library.time.monotonic", lambda: now)
    library = Library(Registry(), AdapterStore(tmp_path / "store", BASE), ("memory://",))
    for _ in range(800):
        library.fetch_soon(event)
        library._thread.submit(int).result()
        now += 0.125
    pauses = [after - before for before, after in pairwise(tried)]
    assert pauses[:7] == [0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0] and set(pauses[7:]) == {30.0}
