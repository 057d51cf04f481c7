"""Upper layers of an encoder that were tuned to tell something, and the head that tells it."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

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


def with_weights(model: Any, weights: Mapping[str, NDArray[np.float32]]) -> Any:
    """A copy of a torch `model` with other weights where some are given, in the model's own
    precision. Nothing is copied that is not replaced. Raises ValueError for weights that the
    model does not have.
    """
    import torch

    held = model.state_dict()
    for name, each in weights.items():
        if name not in held or held[name].shape != each.shape:
            raise ValueError(f"expected weights of the encoder, got {name} {each.shape}")
    shared = {id(each): each for name, each in model.named_parameters() if name not in weights}
    other = deepcopy(model, shared)
    given = {name: torch.from_numpy(each) for name, each in weights.items()}
    alike = {name: each.to(held[name].dtype) for name, each in given.items()}
    other.load_state_dict({**held, **alike}, assign=True)
    return other
