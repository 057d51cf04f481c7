"""`adapter_model.safetensors`: exactly the tensors that configuration and base model call for."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from genre_models.adapters.files import read_object
from schemas.errors import ModelError

HEADER_CAP = 1 << 20  # bytes; the header of 30 layers x 7 linears takes 60 kB
NORM_CAP = 1e3  # Frobenius norm of one tensor; trained adapters stay below 20
Array = npt.NDArray[np.float32]
DTYPES: dict[str, np.dtype[Any]] = {
    "BF16": np.dtype(np.uint16),  # numpy has no bfloat16
    "F16": np.dtype(np.float16),
    "F32": np.dtype(np.float32),
}


def read_tensors(
    data: bytes, sites: Iterable[tuple[str, int, int]], rank: int
) -> dict[str, tuple[Array, Array]]:
    """Module path -> (A [rank, inputs], B [outputs, rank]); sites are (path, inputs, outputs).

    Raises ModelError `adapter_header`, `adapter_wrong_shape`,
    `adapter_not_finite` or `adapter_norm`.
    """
    header, body = split(data)
    shapes = {site: ((rank, inputs), (outputs, rank)) for site, inputs, outputs in sites}
    expected = {
        key_of(site, half): shape
        for site, pair in shapes.items()
        for half, shape in zip("AB", pair, strict=True)
    }
    if header.keys() != expected.keys():
        odd = sorted(header.keys() ^ expected.keys())
        raise ModelError(
            "adapter_wrong_shape",
            f"expected {len(expected)} tensors by name, got a difference: {odd[0]}",
        )
    arrays = {key: _array(key, header[key], body, shape) for key, shape in expected.items()}
    return {site: (arrays[key_of(site, "A")], arrays[key_of(site, "B")]) for site in shapes}


def join(tensors: Mapping[str, tuple[str, Sequence[int], bytes | memoryview]]) -> bytes:
    """A safetensors file of name -> (dtype, shape, bytes), the same bytes for the same tensors."""
    header, end = {}, 0
    for name, (dtype, shape, content) in sorted(tensors.items()):
        span = [end, end := end + len(content)]
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": span}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # tensors begin at a multiple of 8
    bodies = (content for _, (_, _, content) in sorted(tensors.items()))
    return b"".join((len(text).to_bytes(8, "little"), text, *bodies))


def key_of(site: str, half: str) -> str:
    """peft's name of one half, A or B, of a site."""
    return f"base_model.model.{site}.lora_{half}.weight"


def split(data: bytes) -> tuple[dict[str, Any], memoryview]:
    """(name -> dtype, shape and data_offsets, body) of a safetensors file.

    That is: header size (8 bytes, little-endian), JSON header, tensors without gaps. Raises
    ModelError `adapter_header`.
    """
    size = int.from_bytes(data[:8], "little")
    if len(data) < 8 or not 2 <= size <= min(HEADER_CAP, len(data) - 8):
        raise ModelError(
            "adapter_header",
            f"expected a safetensors header of at most {HEADER_CAP} bytes, got {size}",
        )
    header = read_object(data[8 : 8 + size], "adapter_header", "the safetensors header")
    header.pop("__metadata__", None)
    spans = sorted(_span(entry) for entry in header.values())
    ends = [0, *(end for _, end in spans)]
    if (
        any(start != end for (start, _), end in zip(spans, ends, strict=False))
        or ends[-1] != len(data) - 8 - size
    ):
        raise ModelError(
            "adapter_header", "expected tensors that fill the file without gaps or overlaps"
        )
    return header, memoryview(data)[8 + size :]


def _span(entry: Any) -> tuple[int, int]:
    span = entry.get("data_offsets") if isinstance(entry, dict) else None
    if (
        not isinstance(span, list)
        or len(span) != 2
        or not all(type(n) is int and n >= 0 for n in span)
    ):
        raise ModelError(
            "adapter_header", f"expected data_offsets of two integers, got {str(entry)[:100]}"
        )
    return span[0], span[1]


def _array(key: str, entry: dict[str, Any], body: memoryview, shape: tuple[int, int]) -> Array:
    dtype = DTYPES.get(str(entry.get("dtype")))
    start, end = entry["data_offsets"]
    if (
        dtype is None
        or entry.get("shape") != list(shape)
        or end - start != dtype.itemsize * shape[0] * shape[1]
    ):
        got = f"{entry.get('dtype')} {entry.get('shape')}"
        raise ModelError(
            "adapter_wrong_shape",
            f"expected {key} as BF16, F16 or F32 of shape {list(shape)}, got {got[:100]}",
        )
    numbers = np.frombuffer(body[start:end], dtype=dtype).reshape(shape)
    array = _widened(numbers) if dtype == DTYPES["BF16"] else numbers.astype(np.float32)
    if not np.isfinite(array).all():
        raise ModelError("adapter_not_finite", f"expected finite numbers in {key}")
    norm = float(np.linalg.norm(array.astype(np.float64)))
    if norm > NORM_CAP:
        raise ModelError(
            "adapter_norm", f"expected {key} with a norm of at most {NORM_CAP:g}, got {norm:g}"
        )
    return array


def _widened(halves: npt.NDArray[np.uint16]) -> Array:
    """bfloat16 is the upper half of float32."""
    return (halves.astype(np.uint32) << 16).view(np.float32)
