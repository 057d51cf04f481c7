"""Eight numbers for a text's embedding: preferences about content are learned without a model."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from genre_models.encoder import DIMENSION

FLOATS = 8
_SEED = 8_384


def project(embedding: NDArray[np.float32]) -> NDArray[np.float32]:
    """Project a unit vector [384] on 8 fixed orthogonal directions.

    A component is scaled to be of the order of 1. The directions are the same for ever: learned
    preferences are about them.
    """
    projected: NDArray[np.float32] = _directions() @ embedding.astype(np.float32)
    return projected


@cache
def _directions() -> NDArray[np.float32]:
    """Orthonormal rows (Gram and Schmidt) of a random matrix, times sqrt(384 / 8).  # [8, 384]"""
    # the raw stream is stable over versions of numpy
    bits = np.random.PCG64(_SEED).random_raw((FLOATS, DIMENSION))
    rows = bits / 2.0**63 - 1.0
    for index, row in enumerate(rows):
        row -= rows[:index].T @ (rows[:index] @ row)
        row /= np.linalg.norm(row)
    scaled: NDArray[np.float32] = (rows * np.sqrt(DIMENSION / FLOATS)).astype(np.float32)
    scaled.setflags(write=False)
    return scaled
