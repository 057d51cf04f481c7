"""Nothing from an adapter folder is used before all of it has been checked; nothing of it is ever executed.

The three files are read once, under size caps, and everything after works on those bytes: what was checked is what is
loaded. Refusals are ModelErrors with the codes `adapter_missing`, `adapter_has_link`, `adapter_not_safetensors`,
`adapter_files`, `adapter_too_big`, `adapter_header`, `adapter_config`, `adapter_rank`, `adapter_wrong_base`,
`adapter_wrong_shape`, `adapter_not_finite`, `adapter_norm` and `adapter_digest`.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from genre_models.adapters.card import AdapterCard, read_card
from genre_models.adapters.name import AdapterName
from genre_models.adapters.sites import LINEARS, BaseSpec
from schemas.errors import ModelError

CONFIG, TENSORS, CARD = "adapter_config.json", "adapter_model.safetensors", "genre.json"
CAPS = {CONFIG: 64 << 10, TENSORS: 64 << 20, CARD: 256 << 10}  # bytes
HEADER_CAP = 1 << 20  # bytes; the header of 30 layers x 7 linears takes 60 kB
RANKS = (4, 8, 16)
NORM_CAP = 1e3  # Frobenius norm of one tensor; trained adapters stay below 20
Array = npt.NDArray[np.float32]
DTYPES: dict[str, type[np.float16] | type[np.float32]] = {"F16": np.float16, "F32": np.float32}
INERT: tuple[Any, ...] = (None, False, 0, 0.0, [], {}, "", "none")
UNREAD = {"megatron_core": "megatron.core", "qalora_group_size": 16}  # peft writes these whether used or not
ALLOWED = {"peft_type", "task_type", "base_model_name_or_path", "revision", "inference_mode", "peft_version"}
ALLOWED |= {"r", "lora_alpha", "lora_dropout", "target_modules", "layers_to_transform", "bias", "fan_in_fan_out"}
ALLOWED |= {"init_lora_weights", "layers_pattern"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapter:
    """A verified adapter. `tensors` maps a module path to (A [rank, inputs], B [outputs, rank]), unscaled."""

    name: AdapterName
    digest: str
    card: AdapterCard
    rank: int
    scaling: float
    tensors: Mapping[str, tuple[Array, Array]]


def digest_of(files: Mapping[str, bytes]) -> str:
    """sha256 (64 hex digits) over the names, sizes and contents of the three files."""
    digest = hashlib.sha256()
    for name in sorted(files):
        digest.update(f"{name}\0{len(files[name])}\0".encode())
        digest.update(files[name])
    return digest.hexdigest()


def read_adapter(folder: Path, base: BaseSpec, expected: str | None = None) -> Adapter:
    """Read and check an adapter folder; `expected` is a digest, or its first 12 digits. Raises ModelError."""
    return check_adapter(read_files(folder), base, expected)


def check_adapter(files: Mapping[str, bytes], base: BaseSpec, expected: str | None = None) -> Adapter:
    """The checks of `read_adapter`, on the contents of the three files."""
    digest = digest_of(files)
    if expected and not digest.startswith(expected):
        raise ModelError("adapter_digest", f"expected adapter files with digest {expected}, got {digest[:12]}")
    card, config = read_card(files[CARD]), _config(files[CONFIG])
    if card.base != base.fingerprint:
        raise ModelError(
            "adapter_wrong_base",
            f"expected an adapter for base {base.fingerprint[:12]}, got one for {card.base[:12]}: "
            f"train it again with `python -m genre_models.training {card.genre}`",
        )
    rank, alpha = config["r"], config["lora_alpha"]
    return Adapter(
        name=AdapterName.parse(f"{card.genre}@{digest[:12]}"),
        digest=digest,
        card=card,
        rank=rank,
        scaling=alpha / rank,
        tensors=_tensors(files[TENSORS], base, rank, *_targets(config, base)),
    )


def read_files(folder: Path) -> dict[str, bytes]:
    """The bytes of the three files and no others, without following a link."""
    try:
        if folder.is_symlink():
            raise ModelError("adapter_has_link", f"expected a folder, got a link: {folder}")
        names = sorted(entry.name for entry in os.scandir(folder))
    except OSError as error:
        raise ModelError("adapter_missing", f"expected an adapter folder, got {folder}: {error.strerror}") from error
    if any(name.endswith((".bin", ".pt", ".pth", ".pkl", ".ckpt")) for name in names):
        raise ModelError("adapter_not_safetensors", f"expected safetensors only, got {', '.join(names[:5])}")
    if names != sorted(CAPS):
        raise ModelError("adapter_files", f"expected exactly {', '.join(sorted(CAPS))}, got {', '.join(names[:5])}")
    return {name: _read(folder / name, cap) for name, cap in CAPS.items()}


def _read(path: Path, cap: int) -> bytes:
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        raise ModelError("adapter_has_link", f"expected a plain file, got {path.name}: {error.strerror}") from error
    try:
        return _content(handle, path.name, cap)
    finally:
        os.close(handle)


def _content(handle: int, name: str, cap: int) -> bytes:
    status = os.fstat(handle)
    if not stat.S_ISREG(status.st_mode) or status.st_nlink != 1:
        raise ModelError("adapter_has_link", f"expected a plain file with one name, got {name}")
    if status.st_size > cap:
        raise ModelError("adapter_too_big", f"expected {name} of at most {cap} bytes, got {status.st_size}")
    with os.fdopen(handle, "rb", closefd=False) as file:
        return file.read(cap)


def _json(data: bytes, code: str, what: str) -> dict[str, Any]:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ModelError(code, f"expected JSON in {what}, got: {error}") from error
    if not isinstance(value, dict):
        raise ModelError(code, f"expected an object in {what}, got {type(value).__name__}")
    return value


def _config(data: bytes) -> dict[str, Any]:
    """A plain LoRA configuration: anything else that peft understands must be switched off."""
    config = _json(data, "adapter_config", CONFIG)
    wrong = sorted(
        key for key, value in config.items() if key not in ALLOWED and value not in (*INERT, UNREAD.get(key))
    )
    wrong += [key for key, value in (("peft_type", "LORA"), ("bias", "none")) if config.get(key) != value]
    wrong += [key for key in ("fan_in_fan_out", "layers_pattern") if config.get(key) not in INERT]
    if wrong:
        raise ModelError("adapter_config", f"expected a plain LoRA configuration, got a value for {', '.join(wrong)}")
    rank, alpha = config.get("r"), config.get("lora_alpha")
    if type(rank) is not int or rank not in RANKS:
        raise ModelError("adapter_rank", f"expected a rank of {RANKS}, got {rank!r}")
    if isinstance(alpha, bool) or not isinstance(alpha, int | float) or not 0 < alpha <= 8 * rank:
        raise ModelError("adapter_config", f"expected lora_alpha above 0 and at most {8 * rank}, got {alpha!r}")
    return config


def _targets(config: dict[str, Any], base: BaseSpec) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """(linears, layers) that the configuration names."""
    linears = config.get("target_modules")
    layers = config.get("layers_to_transform")
    layers = list(range(base.layers)) if layers is None else layers
    if not isinstance(linears, list) or not linears or not all(name in LINEARS for name in linears):
        raise ModelError("adapter_config", f"expected target_modules out of {', '.join(LINEARS)}, got {linears!r}")
    if not isinstance(layers, list) or not layers or not all(type(n) is int and 0 <= n < base.layers for n in layers):
        raise ModelError("adapter_config", f"expected layers 0 to {base.layers - 1}, got {layers!r}")
    return tuple(sorted(set(linears))), tuple(sorted(set(layers)))


def _tensors(
    data: bytes, base: BaseSpec, rank: int, linears: tuple[str, ...], layers: tuple[int, ...]
) -> dict[str, tuple[Array, Array]]:
    header, body = _split(data)
    shapes = {site: ((rank, inputs), (outputs, rank)) for site, inputs, outputs in base.sites(linears, layers)}
    expected = {
        _key(site, half): shape for site, pair in shapes.items() for half, shape in zip("AB", pair, strict=True)
    }
    if header.keys() != expected.keys():
        odd = sorted(header.keys() ^ expected.keys())
        raise ModelError("adapter_wrong_shape", f"expected {len(expected)} tensors by name, got a difference: {odd[0]}")
    arrays = {key: _array(key, header[key], body, shape) for key, shape in expected.items()}
    return {site: (arrays[_key(site, "A")], arrays[_key(site, "B")]) for site in shapes}


def _key(site: str, half: str) -> str:
    return f"base_model.model.{site}.lora_{half}.weight"


def _split(data: bytes) -> tuple[dict[str, Any], memoryview]:
    """safetensors: 8 bytes little-endian header size, a JSON header, then the tensors without gaps."""
    size = int.from_bytes(data[:8], "little")
    if len(data) < 8 or not 2 <= size <= min(HEADER_CAP, len(data) - 8):
        raise ModelError("adapter_header", f"expected a safetensors header of at most {HEADER_CAP} bytes, got {size}")
    header = _json(data[8 : 8 + size], "adapter_header", "the safetensors header")
    header.pop("__metadata__", None)
    spans = sorted(_span(entry) for entry in header.values())
    ends = [0, *(end for _, end in spans)]
    if any(start != end for (start, _), end in zip(spans, ends, strict=False)) or ends[-1] != len(data) - 8 - size:
        raise ModelError("adapter_header", "expected tensors that fill the file without gaps or overlaps")
    return header, memoryview(data)[8 + size :]


def _span(entry: Any) -> tuple[int, int]:
    span = entry.get("data_offsets") if isinstance(entry, dict) else None
    if not isinstance(span, list) or len(span) != 2 or not all(type(n) is int and n >= 0 for n in span):
        raise ModelError("adapter_header", f"expected data_offsets of two integers, got {str(entry)[:100]}")
    return span[0], span[1]


def _array(key: str, entry: dict[str, Any], body: memoryview, shape: tuple[int, int]) -> Array:
    dtype = DTYPES.get(str(entry.get("dtype")))
    start, end = entry["data_offsets"]
    if dtype is None or entry.get("shape") != list(shape) or end - start != dtype().itemsize * shape[0] * shape[1]:
        got = f"{entry.get('dtype')} {entry.get('shape')}"
        raise ModelError("adapter_wrong_shape", f"expected {key} as F16 or F32 of shape {list(shape)}, got {got[:100]}")
    array: Array = np.frombuffer(body[start:end], dtype=dtype).reshape(shape).astype(np.float32)
    norm = float(np.linalg.norm(array))
    if not np.isfinite(norm):
        raise ModelError("adapter_not_finite", f"expected finite numbers in {key}")
    if norm > NORM_CAP:
        raise ModelError("adapter_norm", f"expected {key} with a norm of at most {NORM_CAP:g}, got {norm:g}")
    return array
