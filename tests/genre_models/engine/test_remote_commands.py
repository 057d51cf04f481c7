"""Commands hold what the adapters of a store need, and a shell reads them as they are meant."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest

from genre_models.adapters import AdapterStore
from genre_models.engine.remote_commands import Launch, Needs, command, preparation
from genre_models.engine.remote_server import Kind
from schemas.errors import ModelError

LAUNCH = Launch(
    host="10.0.0.1", port=8000, base=Path("/my models/base"), name="base", files=Path("/files")
)


def options(line: str) -> dict[str, str]:
    """The words after each option."""
    found: dict[str, str] = {}
    name = ""
    for word in shlex.split(line):
        if word.startswith("--"):
            name, found[word] = word, found.get(word, "")
        elif name:
            found[name] = f"{found[name]} {word}".strip()
    return found


@pytest.mark.parametrize("kind", get_args(Kind))
def test_ranks_of_a_blend_add_where_the_server_gets_it_as_one_adapter(
    store: AdapterStore, kind: Kind
) -> None:
    needs = Needs.of(store, kind, rows=16)
    ranks = sorted(store.verified(name).rank for name in store.names())
    assert needs.rank == (ranks[-1] if kind == "llamacpp" else sum(ranks[-2:]))
    assert needs.at_once == len(ranks) and replace(needs, rows=2).at_once == 2
    assert {"q_proj"} <= set(needs.linears)


@pytest.mark.parametrize(
    ("kind", "wanted"),
    [
        (
            "vllm",
            {"--enable-lora": "", "--max-loras": "3", "--max-lora-rank": "32"},
        ),
        (
            "sglang",
            {
                "--enable-lora": "",
                "--max-loras-per-batch": "4",
                "--max-lora-rank": "20",
                "--lora-target-modules": "q_proj v_proj",
            },
        ),
        ("lorax", {"--adapter-source": "local", "--max-active-adapters": "3"}),
        (
            "llamacpp",
            {
                "--lora": "/files/a.gguf /files/b.gguf /files/c.gguf",
                "--lora-init-without-apply": "",
                "--parallel": "16",
            },
        ),
    ],
)
def test_each_kind_gets_room_for_the_adapters(kind: Kind, wanted: dict[str, str]) -> None:
    folders = {name: Path("/store") / name for name in "abc"}
    needs = Needs(folders=folders, linears=("q_proj", "v_proj"), rank=20, rows=16)
    line = command(kind, LAUNCH, needs)
    found = options(line)
    assert {name: found.get(name) for name in wanted} == wanted
    assert found["--port"] == "8000" and "10.0.0.1" in found.values()
    assert line.startswith("VLLM_ALLOW_RUNTIME_LORA_UPDATING=1 vllm serve ") is (kind == "vllm")
    # the name of the base stays one word
    assert kind == "llamacpp" or "/my models/base" in shlex.split(line)
    bare = command(kind, LAUNCH, replace(needs, folders={}))
    assert not {name for name in options(bare) if "lora" in name or "adapter" in name}


def test_only_llama_cpp_needs_files_of_its_own() -> None:
    needs = Needs(folders={"a": Path("/store/a")}, linears=(), rank=8, rows=1)
    _, base, adapter = preparation("llamacpp", LAUNCH, needs)
    assert shlex.split(base)[1:3] == ["convert_hf_to_gguf.py", "/my models/base"]
    assert shlex.split(adapter)[-2:] == ["/files/a.gguf", "/store/a"]
    assert preparation("vllm", LAUNCH, needs) == []


def test_a_rank_that_vllm_cannot_take_is_said() -> None:
    needs = Needs(folders={"a": Path("/a")}, linears=(), rank=513, rows=1)
    with pytest.raises(ModelError) as caught:
        command("vllm", LAUNCH, needs)
    assert caught.value.code == "rank_too_large"
