"""Adapters: what is accepted, and every way to be refused."""

from __future__ import annotations

import json
import os
import pickle
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from peft import LoraConfig
from safetensors.numpy import load_file, save_file

from genre_models.adapters import AdapterName, AdapterStore, BaseSpec, add_starters, read_adapter
from genre_models.adapters.card import read_card
from genre_models.adapters.files import CARD, CONFIG, TENSORS
from genre_models.adapters.store import STARTER
from genre_models.taxonomy import Taxonomy
from genre_models.training.__main__ import parser, recipe_of
from schemas.errors import ModelError
from tests.genre_models.tiny import make_adapter

BASE = BaseSpec(fingerprint="a" * 64, layers=2, hidden=48, intermediate=64, query=48, key_value=16)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_adapter(tmp_path / "joke", BASE)


def code_of(call: Callable[[], object]) -> str:
    with pytest.raises(ModelError) as refused:
        call()
    assert "expected" in refused.value.message
    return refused.value.code


def edit(file: Path, **changes: Any) -> None:
    file.write_text(json.dumps(json.loads(file.read_bytes()) | changes))


def test_a_valid_adapter_is_read_as_it_was_written(folder: Path) -> None:
    adapter = read_adapter(folder, BASE)
    assert adapter.name.genre == "joke" and adapter.digest.startswith(adapter.name.digest)
    assert (adapter.rank, adapter.scaling, len(adapter.tensors)) == (8, 2.0, 7)
    written = load_file(folder / TENSORS)
    low, high = adapter.tensors["model.layers.1.mlp.down_proj"]
    assert np.array_equal(
        low, written["base_model.model.model.layers.1.mlp.down_proj.lora_A.weight"]
    )
    assert low.shape == (8, 64) and high.shape == (48, 8)


def test_what_peft_saves_is_accepted(folder: Path) -> None:
    config = LoraConfig(
        r=8,
        lora_alpha=16,
        target_modules=["q_proj"],
        layers_to_transform=[1],
        task_type="CAUSAL_LM",
    )
    config.save_pretrained(folder)
    key = "base_model.model.model.layers.1.self_attn.q_proj.lora_{}.weight"
    tensors = load_file(folder / TENSORS)
    save_file({key.format(half): tensors[key.format(half)] for half in "AB"}, folder / TENSORS)
    assert list(read_adapter(folder, BASE).tensors) == ["model.layers.1.self_attn.q_proj"]


CONFIGS = {
    "adapter_rank": [{"r": 512}, {"r": "8"}, {"r": True}, {"r": None}],
    "adapter_config": [
        {"peft_type": "ADALORA"},
        {"bias": "all"},
        {"use_dora": True},
        {"rank_pattern": {"q_proj": 64}},
        {"modules_to_save": ["lm_head"]},
        {"auto_mapping": {"base_model_class": "X"}},
        {"fan_in_fan_out": True},
        {"layers_pattern": "h"},
        {"surprise": 1},
        {"lora_alpha": 1e9},
        {"lora_alpha": float("nan")},
        {"target_modules": "all-linear"},
        {"target_modules": ["lm_head"]},
        {"layers_to_transform": [2]},
        {"layers_to_transform": [-1]},
        {"layers_to_transform": [True]},
    ],
    "adapter_wrong_shape": [{"r": 4}, {"layers_to_transform": [0]}, {"target_modules": ["q_proj"]}],
}


@pytest.mark.parametrize(
    ("code", "change"), [(code, change) for code, all in CONFIGS.items() for change in all]
)
def test_lying_configurations_are_refused(folder: Path, code: str, change: dict[str, Any]) -> None:
    edit(folder / CONFIG, **change)
    assert code_of(lambda: read_adapter(folder, BASE)) == code


def test_files_other_than_the_three_are_refused(folder: Path) -> None:
    (folder / "notes.txt").write_text("hello")
    assert code_of(lambda: read_adapter(folder, BASE)) == "adapter_files"
    (folder / "adapter_model.bin").write_bytes(pickle.dumps({}))
    assert code_of(lambda: read_adapter(folder, BASE)) == "adapter_not_safetensors"
    assert code_of(lambda: read_adapter(folder / "nowhere", BASE)) == "adapter_missing"


def test_links_and_pipes_are_refused(folder: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(folder)
    assert code_of(lambda: read_adapter(link, BASE)) == "adapter_has_link"
    (folder / CARD).rename(tmp_path / "elsewhere")
    for make in (
        lambda path: path.symlink_to(tmp_path / "elsewhere"),
        lambda path: path.hardlink_to(tmp_path / "elsewhere"),
        lambda path: os.mkfifo(path),
        lambda path: path.mkdir(),
    ):
        make(folder / CARD)
        assert code_of(lambda: read_adapter(folder, BASE)) == "adapter_has_link"
        (folder / CARD).rmdir() if (folder / CARD).is_dir() else (folder / CARD).unlink()


def test_a_pickle_under_the_right_name_is_no_safetensors(folder: Path) -> None:
    (folder / TENSORS).write_bytes(pickle.dumps({"weights": 1}))
    assert code_of(lambda: read_adapter(folder, BASE)) == "adapter_header"


def test_files_above_their_cap_are_refused_unread(folder: Path) -> None:
    with (folder / TENSORS).open("r+b") as file:
        file.truncate(65 << 20)
    assert code_of(lambda: read_adapter(folder, BASE)) == "adapter_too_big"


@pytest.mark.parametrize("size", [0, 1, 2**20 + 1, 2**63, 2**64 - 1])
def test_lying_header_sizes_are_refused(folder: Path, size: int) -> None:
    data = (folder / TENSORS).read_bytes()
    (folder / TENSORS).write_bytes(size.to_bytes(8, "little") + data[8:])
    assert code_of(lambda: read_adapter(folder, BASE)) == "adapter_header"


@given(data=st.data())
def test_changed_bytes_never_crash_and_never_keep_the_name(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = make_adapter(tmp_path_factory.mktemp("bytes") / "joke", BASE)
    name = read_adapter(folder, BASE).name
    file = folder / data.draw(st.sampled_from([CONFIG, TENSORS, CARD]))
    content = bytearray(file.read_bytes())
    at, to = data.draw(st.integers(0, min(len(content), 3000) - 1)), data.draw(st.integers(0, 255))
    if content[at] == to:
        return
    content[at] = to
    file.write_bytes(content)
    try:
        assert read_adapter(folder, BASE).name != name
    except ModelError as refused:
        assert refused.code.startswith("adapter_")
    assert code_of(lambda: read_adapter(folder, BASE, name.digest)) in (
        "adapter_digest",
        "adapter_config",
    )


@pytest.mark.parametrize(
    ("value", "code"),
    [(np.nan, "adapter_not_finite"), (np.inf, "adapter_not_finite"), (6e4, "adapter_norm")],
)
def test_numbers_out_of_range_are_refused(folder: Path, value: float, code: str) -> None:
    tensors = load_file(folder / TENSORS)
    next(iter(tensors.values()))[0, 0] = value
    save_file(tensors, folder / TENSORS)
    assert code_of(lambda: read_adapter(folder, BASE)) == code


def test_another_base_is_refused_with_the_way_out(folder: Path) -> None:
    other = replace(BASE, fingerprint="b" * 64)
    with pytest.raises(ModelError, match="genre train joke") as refused:
        read_adapter(folder, other)
    assert refused.value.code == "adapter_wrong_base"
    assert code_of(lambda: read_adapter(folder, replace(BASE, hidden=96))) == "adapter_wrong_shape"


def test_the_card_may_not_name_a_path(folder: Path) -> None:
    edit(folder / CARD, genre="../../etc")
    assert code_of(lambda: read_adapter(folder, BASE)) == "adapter_config"


@pytest.mark.parametrize(
    "text",
    ["joke", "/joke@0123456789ab", "joke@../56789ab0", "Joke@0123456789ab", "joke@0123456789ab\n"],
)
def test_only_names_are_names(text: str) -> None:
    assert code_of(lambda: AdapterName.parse(text)) == "adapter_name"


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


def test_starters_of_another_base_are_left_out_with_the_command_that_trains_them_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert add_starters(AdapterStore(tmp_path, BASE)) == []
    assert "`python -m genre_models.training joke --out DIR" in caplog.text
