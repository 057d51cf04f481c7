"""Where an adapter may sit, from a model's configuration alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from genre_models.adapters import BaseSpec
from genre_models.adapters.sites import LINEARS
from tests.genre_models.adapters.conftest import BASE, code_of

CONFIG: dict[str, Any] = {
    "num_hidden_layers": 2,
    "hidden_size": 48,
    "intermediate_size": 64,
    "num_attention_heads": 6,
    "num_key_value_heads": 2,
}


@pytest.mark.parametrize(
    ("given", "query", "key_value"),
    [({}, 48, 16), ({"head_dim": 16}, 96, 32), ({"num_key_value_heads": None}, 48, 48)],
)
def test_heads_may_be_wider_than_the_model_and_share_their_keys(
    given: dict[str, Any], query: int, key_value: int, tmp_path: Path
) -> None:
    (tmp_path / "config.json").write_text(json.dumps(CONFIG | given))
    (tmp_path / "fingerprint.txt").write_text("a" * 64 + "\n")
    base = BaseSpec.load(tmp_path)
    assert (base.fingerprint, base.layers, base.hidden) == ("a" * 64, 2, 48)
    assert (base.query, base.key_value) == (query, key_value)


@pytest.mark.parametrize("config", [None, "{", "{}"])
def test_a_folder_that_is_not_prepared_is_refused(config: str | None, tmp_path: Path) -> None:
    (tmp_path / "fingerprint.txt").write_text("a" * 64)
    if config is not None:
        (tmp_path / "config.json").write_text(config)
    assert code_of(lambda: BaseSpec.load(tmp_path)) == "base_unavailable"


def test_every_layer_has_seven_sites_and_inputs_meet_outputs() -> None:
    sites = {path: (inputs, outputs) for path, inputs, outputs in BASE.sites(LINEARS, (0, 1))}
    assert len(sites) == 2 * 7
    assert sites["model.layers.1.self_attn.k_proj"] == (48, 16)
    assert sites["model.layers.0.self_attn.o_proj"] == (48, 48)
    assert sites["model.layers.1.mlp.down_proj"] == (64, 48)
