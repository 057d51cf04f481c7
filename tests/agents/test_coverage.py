"""What people are told of genres without an adapter: how many, what makes them, and how long."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agents import coverage
from agents.base_model import stocked_store
from agents.coverage import missing, seconds
from genre_models.adapters import AdapterStore, BaseSpec
from genre_models.taxonomy import Taxonomy
from streams.settings import Settings
from tests.genre_models.tiny import make_adapter, make_base


@pytest.fixture
def given(tmp_path: Path) -> Settings:
    """Another base model than the packaged one, prepared."""
    make_base(tmp_path / "models" / "base")
    return Settings(models=tmp_path / "models", adapters=tmp_path / "adapters", threads=2)


def test_genres_without_an_adapter_are_told_with_what_makes_them(
    given: Settings, tmp_path: Path
) -> None:
    genres = sorted(Taxonomy.load().genres)
    told = missing(stocked_store(given), given) or ""
    assert told.startswith(f"{len(genres)} genres have no adapter for this base model")
    assert "`genre starters train` makes them, in about 1 minutes" in told and "\n" not in told
    store = AdapterStore(given.adapters, BaseSpec.load(given.models / "base"))
    for seed, genre in enumerate(genres):
        store.add(make_adapter(tmp_path / "made" / genre, store.base, genre, seed))
    assert missing(stocked_store(given), given) is None


def test_nobody_is_told_to_train_what_cannot_be_trained(given: Settings) -> None:
    file = given.models / "base" / "config.json"
    config = json.loads(file.read_bytes())
    file.write_text(json.dumps(config | {"architectures": ["GPTNeoXForCausalLM"]}))
    assert "none can be trained for it" in (missing(stocked_store(given), given) or "")


def test_larger_models_and_older_processors_take_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    small = BaseSpec.of(
        {"num_attention_heads": 9, "hidden_size": 576, "num_hidden_layers": 30,
         "intermediate_size": 1536, "num_key_value_heads": 3}, "a" * 64
    )  # fmt: skip
    monkeypatch.setattr(coverage, "has_bf16", lambda device: True)
    quick = seconds(small, 38, 2)
    assert 30 * 60 < quick < 60 * 60  # as it was measured
    assert seconds(small, 38, 4) == quick / 2
    monkeypatch.setattr(coverage, "has_bf16", lambda device: False)
    assert seconds(small, 38, 2) > quick
