"""Whether a folder holds a language model that can be used, told from its small parts.

Neither weights nor anybody's code are loaded for it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from math import prod
from pathlib import Path
from typing import Any

from schemas.errors import ModelError

DTYPES = {"F32", "F16", "BF16"}
"""Types of weights that are read."""

_NUMBERS = ("num_hidden_layers", "num_attention_heads", "hidden_size", "intermediate_size")
_SHARD = re.compile(r"model[\w.-]*\.safetensors", re.ASCII)


def check_config(folder: Path) -> Any:
    """The configuration of a causal language model that transformers itself can build.

    Raises ModelError `base_unavailable`, `base_remote_code` or `base_unsupported`.
    """
    from transformers import AutoConfig
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING_NAMES

    said = _read(folder / "config.json")
    kind, packed = said.get("model_type"), said.get("quantization_config")
    if kind not in CONFIG_MAPPING_NAMES:
        if "auto_map" in said:
            raise ModelError(
                "base_remote_code",
                f"expected a model that transformers can build, got {kind!r}, which brings code of "
                "its own: such code is never run; take another model",
            )
        raise unsupported("an architecture that transformers knows", repr(kind))
    if packed:
        method = packed.get("quant_method") if isinstance(packed, dict) else packed
        raise unsupported("weights in fp32, fp16 or bf16, or a GGUF file", f"those of {method}")
    config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    architecture = (config.architectures or ["none"])[0]
    if architecture not in _causal():
        raise unsupported("a causal language model", f"the architecture {architecture}")
    named = config.to_dict()
    if not all(isinstance(named.get(name), int) for name in _NUMBERS):
        raise unsupported(f"{', '.join(_NUMBERS)} in a model's configuration", architecture)
    if named.get("attn_logit_softcapping") or kind == "gpt_oss":
        raise unsupported("attention without caps or sinks", architecture)
    return config


def weight_files(folder: Path) -> list[Path]:
    """The files of weights that make a model's folder complete.

    Raises ModelError `base_incomplete` or `base_unsupported`.
    """
    index, single = folder / "model.safetensors.index.json", folder / "model.safetensors"
    names = {single.name}
    if index.exists():
        names = set(map(str, _read(index).get("weight_map", {}).values()))
    odd = [name for name in names if not _SHARD.fullmatch(name)]
    if odd or not names:
        raise unsupported("files of weights beside their index", repr(odd))
    missing = sorted(name for name in names if not (folder / name).is_file())
    others = [file.name for file in (*folder.glob("*.bin"), *folder.glob("*.pth"))]
    if missing and others:
        raise unsupported("weights as safetensors", f"{others[0]}, which could run code")
    if missing:
        raise ModelError(
            "base_incomplete",
            f"expected {missing[0]} in {folder}, got none: download the model again",
        )
    return [folder / name for name in sorted(names)]


def check_weights(files: list[Path]) -> int:
    """The number of parameters in whole files of weights, of which none is loaded.

    Raises ModelError `base_incomplete` or `base_unsupported`.
    """
    from safetensors import SafetensorError, safe_open

    parameters = 0
    for file in files:
        try:
            with safe_open(file, framework="numpy") as tensors:
                parts = [tensors.get_slice(name) for name in tensors.keys()]  # noqa: SIM118
                odd = {part.get_dtype() for part in parts} - DTYPES
                if odd:
                    raise unsupported("weights in fp32, fp16 or bf16", f"{min(odd)}")
                parameters += sum(prod(part.get_shape()) for part in parts)
        except (SafetensorError, OSError) as error:
            raise ModelError(
                "base_incomplete",
                f"expected whole weights in {file}, got {error}: download the model again",
            ) from error
    return parameters


def check_memory(needed: int, remedy: str, memory: int | None = None) -> None:
    """Raises ModelError `base_too_large` where `needed` bytes are more than the memory left.

    `remedy` says what to do.
    """
    memory = free_memory() if memory is None else memory
    if needed > memory:
        raise ModelError(
            "base_too_large",
            f"expected a base model that fits into {memory / 1e9:.1f} GB of free memory, "
            f"got one that needs {needed / 1e9:.1f} GB: {remedy}",
        )


def free_memory(root: Path = Path("/")) -> int:
    """Bytes that this process may still take, what the system would give back counted as free.

    Of the machine, and of its container where that is less; `root` is that of /proc and /sys.
    """
    free = _numbers(root / "proc/meminfo")["MemAvailable:"] * 1024
    group = root / "sys/fs/cgroup"
    try:
        most, used = (int((group / name).read_text()) for name in ("memory.max", "memory.current"))
        given_back = _numbers(group / "memory.stat").get("inactive_file", 0)
    except (OSError, ValueError):  # no such files, or `max`
        return free
    return min(free, max(0, most - used + given_back))


def _numbers(file: Path) -> dict[str, int]:
    """The number of each line's first word."""
    lines = (line.split() for line in file.read_text().splitlines())
    return {words[0]: int(words[1]) for words in lines}


def _read(file: Path) -> dict[str, Any]:
    try:
        content = json.loads(file.read_bytes())
    except (OSError, ValueError) as error:
        raise ModelError(
            "base_unavailable", f"expected {file.name} of a model in {file.parent}, got {error}"
        ) from error
    if not isinstance(content, dict):
        raise ModelError("base_unavailable", f"expected an object in {file}, got another JSON")
    return content


def _causal() -> set[str]:
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

    return set(_flat(MODEL_FOR_CAUSAL_LM_MAPPING_NAMES.values()))


def _flat(names: Any) -> Iterator[str]:
    for name in names:
        yield from [name] if isinstance(name, str) else name


def unsupported(expected: str, got: str) -> ModelError:
    """A base model that cannot be used, and that another download would not mend."""
    return ModelError("base_unsupported", f"expected {expected}, got {got}; take another model")
