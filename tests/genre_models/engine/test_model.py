"""Which model computes for a base, and how far it reaches."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from genre_models.adapters import AdapterStore, BaseSpec
from genre_models.engine.llama import Llama
from genre_models.engine.local_engine import LocalEngine
from genre_models.engine.model import end_tokens, load_model
from genre_models.engine.native import Kernel
from genre_models.engine.native_llama import NativeLlama
from schemas.errors import ModelError
from tests.genre_models.tiny import make_tokenizer


def test_the_kernel_computes_where_it_is_and_torch_elsewhere(
    kernel: Kernel, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for found, kind in ((kernel, NativeLlama), (None, Llama)):
        monkeypatch.setattr("genre_models.engine.native.load_kernel", lambda found=found: found)
        assert type(load_model(base, slots=5, context=128, fast=False)[0]) is kind


@pytest.mark.parametrize(("wished", "context"), [(128, 128), (4096, 1024)])
def test_rows_are_as_long_as_wished_but_no_longer_than_the_model_knows(
    base: Path, wished: int, context: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("genre_models.engine.native.load_kernel", lambda: None)
    assert load_model(base, slots=5, context=wished, fast=False)[0].context == context


def test_a_base_larger_than_memory_is_refused_with_what_to_do(
    base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("genre_models.bases.checks.free_memory", lambda: 1000)
    with pytest.raises(ModelError, match="GENRE_ENGINE=fast needs") as refused:
        load_model(base, slots=5, context=64, fast=False)
    assert refused.value.code == "base_too_large"


def test_every_end_that_the_model_names_ends_a_text(base: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(base, tmp_path / "base")
    tokenizer = make_tokenizer()
    (folder / "generation_config.json").write_text('{"eos_token_id": [2, 77, 78]}')
    assert end_tokens(folder, tokenizer) == {*tokenizer.all_special_ids, 77, 78}
    (folder / "generation_config.json").unlink()
    assert end_tokens(folder, tokenizer) == set(tokenizer.all_special_ids)
    engine = LocalEngine.load(folder, AdapterStore(tmp_path, BaseSpec.load(folder)), rows=1)
    assert engine.ends == set(tokenizer.all_special_ids)
