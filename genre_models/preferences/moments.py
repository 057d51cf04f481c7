"""The sufficient statistics of a weighted linear model as one flat vector: they add, so order never matters.

Layout for d features: the upper triangle of A = sum w phi phi^T, row by row (d (d + 1) / 2 numbers), b = sum w y phi
(d), yy = sum w y^2, n = sum w.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating[Any]]
Integers = npt.NDArray[np.int64]

# Sums are kept as whole numbers of 2^-14: integers add exactly, so shuffles, retractions and erasures leave no trace.
# A weight of at most 2 and features within [-1, 1] let an int32 hold 65,000 reactions.
SCALE = 2.0**14


def size(d: int) -> int:
    """How many numbers the moments of d features are."""
    return d * (d + 1) // 2 + d + 2


@lru_cache(maxsize=16)
def dimension(length: int) -> int:
    """The d of a flat vector of that length."""
    return next(d for d in range(length) if size(d) == length)


@lru_cache(maxsize=16)
def _upper(d: int) -> npt.NDArray[np.intp]:
    return np.ravel_multi_index(np.triu_indices(d), (d, d))


@lru_cache(maxsize=16)
def _full(d: int) -> npt.NDArray[np.intp]:
    position = np.zeros((d, d), np.intp)
    position[np.triu_indices(d)] = np.arange(d * (d + 1) // 2)
    return np.maximum(position, position.T)


def moments(phi: Floats, targets: Floats, weights: Floats) -> Floats:
    """[size(d)] of the observations `phi` [k, d], `targets` [k], `weights` [k]."""
    d = phi.shape[1]
    weighted = phi * weights[:, None]
    flat = np.empty(size(d))
    flat[: -d - 2] = np.dot(weighted.T, phi).take(_upper(d))  # twice as fast as `@` for one row
    flat[-d - 2 : -2] = targets @ weighted
    flat[-2:] = weights @ (targets * targets), weights.sum()
    return flat


def gram(flat: Floats) -> Floats:
    """A [d, d], symmetric."""
    return flat[_full(dimension(len(flat)))]


def moment(flat: Floats) -> Floats:
    """b [d]."""
    d = dimension(len(flat))
    return flat[-d - 2 : -2]


def quantised(flat: Floats) -> Integers:
    """Whole numbers of 1 / SCALE, rounded half to even."""
    scaled = flat * SCALE
    return np.rint(scaled, out=scaled).astype(np.int64)
