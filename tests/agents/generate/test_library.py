"""Adapters that are announced elsewhere come to this machine, checked."""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agents.generate.library import Library
from agents.genres.registry import Registry
from genre_models.adapters import AdapterStore, BaseSpec, read_adapter
from genre_models.adapters.depot import download, upload
from schemas.adapters import AdapterEvent
from schemas.errors import ModelError
from tests.agents.genres.test_registry import HAIKU
from tests.genre_models.tiny import make_adapter

BASE = BaseSpec(fingerprint="a" * 64, layers=2, hidden=48, intermediate=64, query=48, key_value=16)


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


async def test_a_local_folder_is_a_place_too(event: AdapterEvent, tmp_path: Path) -> None:
    place = tmp_path / "shared"
    upload(tmp_path / "haiku", event.name, str(place))
    store = AdapterStore(tmp_path / "store", BASE)
    assert str(download(str(place), [str(tmp_path)], event.name, event.digest, store)) == event.name


async def test_present_gives_up_at_the_deadline(tmp_path: Path) -> None:
    library = Library(Registry(), AdapterStore(tmp_path, BASE))
    await asyncio.wait_for(library.present(["haiku@000000000000"], datetime.now(UTC)), 2)


@pytest.mark.parametrize(
    ("change", "places", "code"),
    [
        ({}, [], "adapter_location"),
        ({}, ["memory://elsewhere"], "adapter_location"),
        ({"location": "memory://x::file:///etc"}, ["memory://x"], "adapter_location"),
        ({"location": "memory://x/../y"}, ["memory://x"], "adapter_location"),
        ({"location": "memory://xyz"}, ["memory://x"], "adapter_location"),
        ({"location": "/etc"}, ["memory://x"], "adapter_location"),
        ({"location": "gopher://x"}, ["gopher://x"], "adapter_location"),
        ({"name": "haiku@000000000000"}, ["memory://"], "adapter_location"),
        ({"name": "../../etc"}, ["memory://"], "adapter_name"),
        ({"digest": "f" * 64}, ["memory://"], "adapter_digest"),
    ],
)
def test_what_may_not_be_fetched_is_refused(
    event: AdapterEvent, tmp_path: Path, change: dict[str, str], places: list[str], code: str
) -> None:
    asked = replace(event, **change)  # type: ignore[arg-type]
    store = AdapterStore(tmp_path / "store", BASE)
    with pytest.raises(ModelError) as refused:
        download(asked.location or "", places, asked.name, asked.digest, store)
    assert refused.value.code == code
    assert store.names() == []


def test_a_huge_file_is_not_read_to_its_end(event: AdapterEvent, tmp_path: Path) -> None:
    import fsspec

    system, root = fsspec.core.url_to_fs(event.location)
    system.pipe_file(f"{root}/{event.name}/genre.json", b"x" * (300 << 10))
    with pytest.raises(ModelError) as refused:
        download(
            event.location or "",
            ["memory://"],
            event.name,
            event.digest,
            AdapterStore(tmp_path / "s", BASE),
        )
    assert refused.value.code == "adapter_too_big"
