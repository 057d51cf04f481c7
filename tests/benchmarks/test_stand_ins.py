from __future__ import annotations

import numpy as np

from benchmarks.stand_ins import InstantEncoder


def test_embeddings_of_the_stand_in_are_unit_vectors() -> None:
    rows = InstantEncoder().encode(["a", "a b", ""])
    assert np.allclose(np.linalg.norm(rows, axis=1), 1.0)
