from __future__ import annotations

import numpy as np

from genre_models.encoder import DIMENSION
from genre_models.projection import FLOATS, project

EYE = np.eye(DIMENSION, dtype=np.float32)


def test_it_is_the_same_for_ever() -> None:
    """What users' preferences were learned about: a change of these numbers makes every stored
    preference wrong."""
    pinned = [0.520491, 0.574006, -0.221402, 0.233361, 0.500778, -0.001682, 0.273417, 0.043075]
    np.testing.assert_allclose(project(EYE[0]), pinned, atol=1e-5)


def test_directions_are_orthogonal_and_of_one_length() -> None:
    directions = np.stack([project(row) for row in EYE]).T
    np.testing.assert_allclose(
        directions @ directions.T, DIMENSION / FLOATS * np.eye(FLOATS), atol=1e-3
    )


def test_texts_that_mean_the_same_lie_close() -> None:
    vector = np.random.default_rng(0).normal(size=DIMENSION).astype(np.float32)
    vector /= np.linalg.norm(vector)
    near = vector + 0.01 * EYE[3]
    assert np.linalg.norm(project(vector) - project(near)) < 0.1
    assert project(vector).dtype == np.float32 and project(vector).shape == (FLOATS,)
