"""What `adapter_config.json` may say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from peft import LoraConfig
from safetensors.numpy import load_file, save_file

from genre_models.adapters import read_adapter
from genre_models.adapters.files import CONFIG, TENSORS
from tests.genre_models.adapters.conftest import BASE, code_of, edit


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
