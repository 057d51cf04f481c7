"""Folders that hold no usable model are refused before a weight is read, each with its code."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from genre_models.bases.checks import (
    check_config,
    check_memory,
    check_weights,
    free_memory,
    weight_files,
)
from schemas.errors import ModelError
from tests.genre_models.tiny import make_base

INDEX = "model.safetensors.index.json"


def code_of(call: Callable[[], object]) -> str:
    with pytest.raises(ModelError, match="expected") as refused:
        call()
    assert "\n" not in refused.value.message
    return refused.value.code


def edit(folder: Path, **changes: Any) -> Path:
    file = folder / "config.json"
    file.write_text(json.dumps(json.loads(file.read_bytes()) | changes))
    return folder


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    make_base(tmp_path / "mine")
    return tmp_path / "mine"


def test_a_language_model_passes(mine: Path) -> None:
    assert check_config(mine).architectures == ["LlamaForCausalLM"]
    assert check_weights(weight_files(mine)) > 10_000


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"model_type": "mystery"}, "base_unsupported"),
        ({"model_type": None}, "base_unsupported"),
        ({"model_type": "mystery", "auto_map": {"AutoModel": "x.Y"}}, "base_remote_code"),
        ({"model_type": "bert", "architectures": ["BertForMaskedLM"]}, "base_unsupported"),
        ({"model_type": "t5", "architectures": ["T5Model"]}, "base_unsupported"),
        ({"architectures": []}, "base_unsupported"),
        ({"attn_logit_softcapping": 50.0}, "base_unsupported"),
        ({"architectures": None}, "base_unsupported"),
        ({"quantization_config": {"quant_method": "gptq"}}, "base_unsupported"),
        ({"model_type": "gpt2", "architectures": ["GPT2LMHeadModel"]}, "base_unsupported"),
    ],
)
def test_what_is_no_causal_language_model_is_refused(
    changes: dict[str, Any], code: str, mine: Path
) -> None:
    assert code_of(lambda: check_config(edit(mine, **changes))) == code


@pytest.mark.parametrize("content", ["", "{", "[]", "7", '"x"'])
def test_a_configuration_that_is_none_is_refused(content: str, mine: Path) -> None:
    (mine / "config.json").write_text(content)
    assert code_of(lambda: check_config(mine)) == "base_unavailable"


def test_half_a_download_is_refused(mine: Path) -> None:
    weights = mine / "model.safetensors"
    whole = weights.read_bytes()
    for part in (b"", whole[:4], whole[:-1], b"<html>" * 100):
        weights.write_bytes(part)
        assert code_of(lambda: check_weights(weight_files(mine))) == "base_incomplete"
    weights.unlink()
    assert code_of(lambda: weight_files(mine)) == "base_incomplete"
    (mine / "pytorch_model.bin").write_bytes(b"")
    assert code_of(lambda: weight_files(mine)) == "base_unsupported"


def test_every_file_of_an_index_must_be_there_and_beside_it(mine: Path) -> None:
    (mine / "model-1.safetensors").write_bytes((mine / "model.safetensors").read_bytes())
    index = {"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors"}}
    (mine / INDEX).write_text(json.dumps(index))
    with pytest.raises(ModelError, match=r"model-2\.safetensors") as refused:
        weight_files(mine)
    assert refused.value.code == "base_incomplete"
    (mine / "model-2.safetensors").symlink_to(mine / "model-1.safetensors")
    assert [file.name for file in weight_files(mine)] == sorted(index["weight_map"].values())
    for name in ("../model.safetensors", "/etc/passwd", "model.bin"):
        (mine / INDEX).write_text(json.dumps({"weight_map": {"a": name}}))
        assert code_of(lambda: weight_files(mine)) == "base_unsupported"


def test_packed_weights_are_refused(mine: Path) -> None:
    save_file({"a": torch.ones(2, dtype=torch.int8)}, mine / "model.safetensors")
    assert code_of(lambda: check_weights(weight_files(mine))) == "base_unsupported"


def test_more_than_the_memory_is_refused_with_what_to_do() -> None:
    check_memory(1, "less")
    with pytest.raises(
        ModelError, match=r"fits into 8\.0 GB of free memory, .* needs 9\.0 GB: take less"
    ) as refused:
        check_memory(9 * 10**9, "take less", memory=8 * 10**9)
    assert refused.value.code == "base_too_large"


@pytest.mark.parametrize(
    ("group", "free"),
    [
        ({}, 4096),
        ({"max": "max\n", "current": "100\n", "stat": "anon 1\n"}, 4096),
        ({"max": "3000\n", "current": "2500\n", "stat": "anon 1900\ninactive_file 600\n"}, 1100),
        ({"max": "9000\n", "current": "2500\n", "stat": "anon 1900\ninactive_file 600\n"}, 4096),
        ({"max": "3000\n", "current": "3100\n", "stat": "anon 3000\n"}, 0),
    ],
)
def test_free_is_what_machine_and_container_have_left(
    group: dict[str, str], free: int, tmp_path: Path
) -> None:
    files = {f"sys/fs/cgroup/memory.{name}": text for name, text in group.items()}
    files["proc/meminfo"] = "MemTotal: 8 kB\nMemFree: 1 kB\nMemAvailable: 4 kB\nHugePages_Free: 0\n"
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert free_memory(tmp_path) == free
