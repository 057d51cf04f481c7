"""The numbers of one training run."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """The numbers of a training.

    The rate suits one epoch of a few hundred texts; after it the held-out loss of jokes rises
    again. `bf16` computes in mixed precision: faster where `has_bf16` says so, slower elsewhere.
    `top_layers` is the share of layers that get weights; those below are frozen and run once for
    each text. `requests` are written for each text: few texts teach more in one epoch of three
    requests each than in three epochs.
    """

    rank: int = 8
    alpha: int = 16
    top_layers: float = 0.5
    learning_rate: float = 4e-3
    warm_up: float = 0.1
    clip: float = 1.0
    batch: int = 8
    epochs: int = 3
    texts: int = 600
    requests: int = 1
    held_out: int = 60
    seed: int = 7
    bf16: bool = False
