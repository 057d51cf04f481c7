"""A folder of verified adapters, and those that come with GENRE."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from genre_models.adapters import AdapterName, AdapterStore, BaseSpec, add_starters, read_adapter
from genre_models.adapters.card import read_card
from genre_models.adapters.files import CARD, TENSORS
from genre_models.adapters.store import STARTER
from genre_models.taxonomy import Taxonomy
from genre_models.training.__main__ import parser, recipe_of
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
    words = (adapter.card.command or "").split()
    assert words[:6] == ["python", "-m", "genre_models.training", folder.name, "--out", "DIR"]
    recipe = recipe_of(parser().parse_args(words[3:]))
    assert asdict(recipe) == adapter.card.lineage.recipe and recipe.texts <= 600
    assert "weights Apache-2.0; training texts" in adapter.card.licence
    assert adapter.card.metrics["ppl_adapter"] < adapter.card.metrics["ppl_base"]


def test_ten_genres_and_the_pooled_control_come_with_genre() -> None:
    genres = {path.name for path in STARTER.iterdir() if path.is_dir()}
    assert len(genres - {"pooled"}) >= 10 and "pooled" in genres
    # What neither ships with the taxonomy nor brings its own description is announced to nobody.
    assert (
        "pooled" not in Taxonomy.load()
        and read_card((STARTER / "pooled" / CARD).read_bytes()).about is None
    )


def test_starters_of_another_base_are_left_out_in_one_line_that_says_how_to_make_them(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert add_starters(AdapterStore(tmp_path, BASE)) == []
    assert len(caplog.records) == 1
    assert "`python -m genre_models.training GENRE --base BASE --out DIR`" in caplog.text


def test_a_store_shows_the_adapters_of_its_own_base(folder: Path, tmp_path: Path) -> None:
    ours = AdapterStore(tmp_path / "store", BASE)
    other = AdapterStore(ours.root, replace(BASE, fingerprint="b" * 64))
    mine = ours.add(folder)
    theirs = other.add(make_adapter(tmp_path / "theirs", other.base, seed=2))
    assert ours.names() == [mine] and ours.newest("joke") == mine
    assert other.names() == [theirs] and other.newest("joke") == theirs
