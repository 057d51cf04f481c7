"""A blend as one adapter, exact: A stacked, B side by side times weight and scaling; ranks add."""

from __future__ import annotations

import json
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from genre_models import atomic
from genre_models.adapters import Adapter
from genre_models.adapters.files import CONFIG, TENSORS
from genre_models.adapters.tensors import key_of


def concatenated(parts: Sequence[tuple[Adapter, float]], root: Path) -> tuple[str, Path]:
    """(name, folder below `root`) of the blend, written once.

    Its name is a digest of names and weights. Where an adapter lacks a site that another has, its
    ranks there are zeros: servers want one rank everywhere.
    """
    identity = "\n".join(f"{adapter.name}={weight!r}" for adapter, weight in parts)
    name = f"blend@{sha256(identity.encode()).hexdigest()[:12]}"
    return name, atomic.make_once(root / name, lambda folder: _write(folder, parts))


def _write(folder: Path, parts: Sequence[tuple[Adapter, float]]) -> None:
    folder.mkdir()
    sites = sorted({site for adapter, _ in parts for site in adapter.tensors})
    tensors = {}
    for site in sites:
        for half, matrix in zip("AB", _site(site, parts), strict=True):
            tensors[key_of(site, half)] = matrix
    save_file(tensors, folder / TENSORS)
    rank = sum(adapter.rank for adapter, _ in parts)
    (folder / CONFIG).write_text(json.dumps(_config(sites, rank)))


def _site(
    site: str, parts: Sequence[tuple[Adapter, float]]
) -> tuple[
    np.ndarray[tuple[int, ...], np.dtype[np.float32]],
    np.ndarray[tuple[int, ...], np.dtype[np.float32]],
]:
    """(A [ranks, inputs], B [outputs, ranks]) in fp32."""
    low, high = next(adapter.tensors[site] for adapter, _ in parts if site in adapter.tensors)
    zeros = {
        adapter.rank: (
            np.zeros((adapter.rank, low.shape[1])),
            np.zeros((high.shape[0], adapter.rank)),
        )
        for adapter, _ in parts
    }
    pairs = [
        (adapter.tensors.get(site, zeros[adapter.rank]), weight * adapter.scaling)
        for adapter, weight in parts
    ]
    lows = np.concatenate([pair[0] for pair, _ in pairs]).astype(np.float32)
    highs = np.concatenate([pair[1] * scale for pair, scale in pairs], axis=1).astype(np.float32)
    return lows, np.ascontiguousarray(highs)


def _config(sites: Sequence[str], rank: int) -> dict[str, object]:
    layers = sorted({int(site.split(".")[2]) for site in sites})
    return {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "r": rank,
        "lora_alpha": rank,
        "bias": "none",
        "target_modules": sorted({site.rpartition(".")[2] for site in sites}),
        "layers_to_transform": layers,
    }
