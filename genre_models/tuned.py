"""Upper layers of an encoder that were tuned to tell something, and the head that tells it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Tuned:
    """What was tuned: `weights` by their names in the encoder, `head` [d, k] and `bias` [k] on what
    the encoder with these weights makes of a text.
    """

    weights: Mapping[str, NDArray[np.float32]]
    head: NDArray[np.float32]
    bias: NDArray[np.float32]

    def scores(self, embeddings: NDArray[np.float32]) -> NDArray[np.float32]:
        """Log-odds of yes, or logits of classes.  # [n, d] -> [n, k]"""
        scores: NDArray[np.float32] = embeddings @ self.head + self.bias
        return scores
