"""What may be fetched from a shared place, and what is refused."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from genre_models.adapters import AdapterStore, read_adapter
from genre_models.adapters.depot import download, upload
from schemas.errors import ModelError
from tests.genre_models.adapters.conftest import BASE
from tests.genre_models.tiny import make_adapter


@dataclass(frozen=True)
class Announced:
    """What is said of an adapter that lies elsewhere."""

    name: str
    digest: str
    location: str


@pytest.fixture
def event(tmp_path: Path) -> Announced:
    """An adapter that was published to a place in memory."""
    folder, place = (
        make_adapter(tmp_path / "haiku", BASE, "haiku"),
        f"memory://{uuid.uuid4().hex}/adapters",
    )
    adapter = read_adapter(folder, BASE)
    upload(folder, str(adapter.name), place)
    return Announced(name=str(adapter.name), digest=adapter.digest, location=place)


async def test_a_local_folder_is_a_place_too(event: Announced, tmp_path: Path) -> None:
    place = tmp_path / "shared"
    upload(tmp_path / "haiku", event.name, str(place))
    store = AdapterStore(tmp_path / "store", BASE)
    assert str(download(str(place), [str(tmp_path)], event.name, event.digest, store)) == event.name


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
    event: Announced, tmp_path: Path, change: dict[str, str], places: list[str], code: str
) -> None:
    asked = replace(event, **change)
    store = AdapterStore(tmp_path / "store", BASE)
    with pytest.raises(ModelError) as refused:
        download(asked.location, places, asked.name, asked.digest, store)
    assert refused.value.code == code
    assert store.names() == []


def test_a_huge_file_is_not_read_to_its_end(event: Announced, tmp_path: Path) -> None:
    import fsspec

    system, root = fsspec.core.url_to_fs(event.location)
    system.pipe_file(f"{root}/{event.name}/genre.json", b"x" * (300 << 10))
    with pytest.raises(ModelError) as refused:
        download(
            event.location,
            ["memory://"],
            event.name,
            event.digest,
            AdapterStore(tmp_path / "s", BASE),
        )
    assert refused.value.code == "adapter_too_big"
