"""A folder of verified adapters, and those that come with GENRE."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from genre_models.adapters import AdapterName, AdapterStore, BaseSpec, add_starters, read_adapter
from genre_models.adapters.files import CARD, TENSORS
from genre_models.adapters.store import STARTER
from genre_models.taxonomy import Taxonomy
from tests.genre_models.adapters.conftest import BASE, code_of, edit
from tests.genre_models.tiny import make_adapter


def test_the_store_keeps_what_it_verified(folder: Path, tmp_path: Path) -> None:
    store = AdapterStore(tmp_path / "store", BASE)
    assert store.names() == [] and store.newest("joke") is None
    first = store.add(folder)
    assert store.add(folder, store.verified(first).digest) == first
    second = store.add(make_adapter(tmp_path / "second", BASE, seed=2))
    os.utime(store.path(second), ns=(2**61, 2**61))
    other = store.add(make_adapter(tmp_path / "other", BASE, "quote", seed=3))
    assert store.names() == sorted([first, second, other])
    assert store.newest("joke") == second
    assert code_of(lambda: store.add(folder, "f" * 64)) == "adapter_digest"
    assert code_of(lambda: store.path(AdapterName("joke", "0" * 12))) == "adapter_missing"


def test_the_store_notices_what_was_changed_behind_its_back(folder: Path, tmp_path: Path) -> None:
    store = AdapterStore(tmp_path / "store", BASE)
    name = store.add(folder)
    edit(store.path(name) / CARD, licence="mine")
    assert code_of(lambda: store.verified(name)) == "adapter_digest"
    escape = AdapterName("joke", "0" * 12)
    (store.root / str(escape)).symlink_to(folder)
    assert code_of(lambda: store.path(escape)) == "adapter_path"


def test_a_failed_copy_leaves_nothing_behind(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = AdapterStore(tmp_path / "store", BASE)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space"):
        store.add(folder)
    assert list(store.root.iterdir()) == []


@pytest.mark.parametrize(
    "folder",
    sorted(path for path in STARTER.iterdir() if path.is_dir()),
    ids=lambda path: path.name,
)
def test_starter_adapters_are_valid_small_and_better_than_base(folder: Path) -> None:
    fingerprint = json.loads((folder / CARD).read_bytes())["base"]
    smollm2 = BaseSpec(
        fingerprint=fingerprint, layers=30, hidden=576, intermediate=1536, query=576, key_value=192
    )
    adapter = read_adapter(folder, smollm2)
    assert adapter.card.genre == folder.name
    assert (folder / TENSORS).stat().st_size <= 5 << 20
    assert adapter.card.command
    assert "weights Apache-2.0; training texts" in adapter.card.licence
    assert adapter.card.metrics["ppl_adapter"] < adapter.card.metrics["ppl_base"]


def test_starters_have_sixty_megabytes_together_and_what_is_half_made_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert sum(file.stat().st_size for file in STARTER.rglob("*") if file.is_file()) <= 60e6
    monkeypatch.setattr("genre_models.adapters.store.STARTER", tmp_path / "starter")
    make_adapter(tmp_path / "starter" / "joke", BASE)
    (tmp_path / "starter" / "quote.partial").mkdir()
    added = add_starters(AdapterStore(tmp_path / "store", BASE))
    assert [name.genre for name in added] == ["joke"]


def test_an_adapter_is_found_by_the_texts_and_the_recipe_that_made_it(tmp_path: Path) -> None:
    store = AdapterStore(tmp_path / "store", BASE)
    made = make_adapter(tmp_path / "joke", BASE)
    edit(made / CARD, lineage={"data": "d" * 64, "recipe": {"rank": 4, "bf16": True}})
    name = store.add(made)
    recipe = {"rank": 4, "bf16": False}  # the precision follows the machine
    assert store.made_of("joke", "d" * 64, recipe) == name
    for genre, data, given, tenant in (
        ("quote", "d", recipe, None),
        ("joke", "e", recipe, None),
        ("joke", "d", recipe | {"rank": 8}, None),
        ("joke", "d", recipe, "acme"),
    ):
        assert store.made_of(genre, data * 64, given, tenant) is None
    other = AdapterStore(store.root, replace(BASE, fingerprint="b" * 64))
    assert other.made_of("joke", "d" * 64, recipe) is None


def test_ten_genres_and_the_pooled_control_come_with_genre() -> None:
    genres = {path.name for path in STARTER.iterdir() if path.is_dir()}
    assert len(genres - {"pooled"}) >= 10 and "pooled" in genres
    assert "pooled" not in Taxonomy.load()


def test_starters_of_another_base_are_left_out(tmp_path: Path) -> None:
    store = AdapterStore(tmp_path, BASE)
    assert add_starters(store) == [] == store.names()


def test_a_store_shows_the_adapters_of_its_own_base(folder: Path, tmp_path: Path) -> None:
    ours = AdapterStore(tmp_path / "store", BASE)
    other = AdapterStore(ours.root, replace(BASE, fingerprint="b" * 64))
    mine = ours.add(folder)
    theirs = other.add(make_adapter(tmp_path / "theirs", other.base, seed=2))
    assert ours.names() == [mine] and ours.newest("joke") == mine
    assert other.names() == [theirs] and other.newest("joke") == theirs
