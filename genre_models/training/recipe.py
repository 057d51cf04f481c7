"""The numbers of one training run."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """In the second epoch at this rate the held-out loss of jokes rises again.

    `bf16` runs training, not the held-out checks, in mixed precision: three times the speed where the CPU has bf16
    instructions (avx512_bf16, amx), slower elsewhere. `top_layers` is the share of layers that get weights; those
    below are frozen and run once for each text.
    """

    rank: int = 8
    alpha: int = 16
    top_layers: float = 0.5
    learning_rate: float = 2e-3
    warm_up: float = 0.1
    clip: float = 1.0
    batch: int = 8
    epochs: int = 3
    texts: int = 600
    held_out: int = 60
    seed: int = 7
    bf16: bool = False
