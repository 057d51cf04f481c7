"""The sufficient statistics of a weighted linear model as one flat vector.

They add, so order never matters. Layout for d features: the upper triangle of A = sum w phi phi^T,
row by row (d (d + 1) / 2 numbers), b = sum w y phi (d), yy = sum w y^2, n = sum w.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating[Any]]
Integers = npt.NDArray[np.int64]

# Sums are whole numbers of 2^-14: integers add exactly, so shuffles, retractions and erasures leave
# no trace. With weights up to 2 and features within [-1, 1], an int32 holds 65,000 reactions.
SCALE = 2.0**14


def size(d: int) -> int:
    """How many numbers the moments of d features are."""
    return d * (d + 1) // 2 + d + 2


@lru_cache(maxsize=16)
def dimension(length: int) -> int:
    """The d of a flat vector of that length."""
    return next(d for d in range(length) if size(d) == length)


@lru_cache(maxsize=16)
def _places(d: int) -> npt.NDArray[np.intp]:
    """Where the flat vector's numbers stand in the product of (phi, y, 1) with itself."""
    rows, columns = np.triu_indices(d)
    rows, columns = np.append(rows, [*range(d), d, d + 1]), np.append(columns, [*[d] * d, d, d + 1])
    return np.ravel_multi_index((rows, columns), (d + 2, d + 2))


@lru_cache(maxsize=16)
def _full(d: int) -> npt.NDArray[np.intp]:
    position = np.zeros((d, d), np.intp)
    position[np.triu_indices(d)] = np.arange(d * (d + 1) // 2)
    return np.maximum(position, position.T)


def moments(phi: Floats, targets: Floats, weights: Floats) -> Floats:
    """[size(d)] of the observations `phi` [k, d], `targets` [k], `weights` [k]."""
    d = phi.shape[1]
    seen = np.empty((len(phi), d + 2))
    seen[:, :d], seen[:, d], seen[:, d + 1] = phi, targets, 1
    # `dot` is twice as fast as `@` for one row
    return (seen.T * weights).dot(seen).take(_places(d))


def widened(flat: Floats | Integers, d: int) -> Floats:
    """The same moments with more features, `d` in all: those had all been 0."""
    known = dimension(len(flat))
    if d == known:
        return flat.astype(np.float64, copy=False)
    block, square = np.zeros((known + 2, known + 2)), np.zeros((d + 2, d + 2))
    block.put(_places(known), flat)
    kept = [*range(known), d, d + 1]
    square[np.ix_(kept, kept)] = block
    return square.take(_places(d))


def gram(flat: Floats) -> Floats:
    """A [d, d], symmetric."""
    return flat.take(_full(dimension(len(flat))))


def moment(flat: Floats) -> Floats:
    """b [d]."""
    d = dimension(len(flat))
    return flat[-d - 2 : -2]


def quantised(flat: Floats) -> Floats:
    """Whole numbers of 1 / SCALE, rounded half to even: exact as floats below 2^53.

    Changes `flat` itself.
    """
    flat *= SCALE
    return np.rint(flat, out=flat)
