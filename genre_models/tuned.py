"""Upper layers of an encoder, tuned to one question, and the head that answers it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Tuned:
    """What was tuned: `weights` by their names in the encoder, `head` [d] and `bias` on what the
    encoder with these weights makes of a text.
    """

    weights: Mapping[str, NDArray[np.float32]]
    head: NDArray[np.float32]
    bias: float

    def odds(self, embeddings: NDArray[np.float32]) -> NDArray[np.float32]:
        """Log-odds of yes.  # [n, d] -> [n]"""
        odds: NDArray[np.float32] = embeddings @ self.head + self.bias
        return odds
