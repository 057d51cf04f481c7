from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.classifier.comparison import compared, embeddings
from benchmarks.classifier.splits import Labelled, Split


class Counting:
    """Unit rows that tell texts about the sea from others; counts what it is asked for."""

    def __init__(self) -> None:
        self.asked = 0

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.asked += len(texts)
        return np.eye(2, dtype=np.float32)[[int("sea" in text) for text in texts]]


def split() -> Split:
    texts = [
        Labelled(f"{word}{number} {kind}", kind, "")
        for number in range(20)
        for kind, word in (("sea", "wave"), ("land", "hill"))
    ]
    return Split(tuple(texts[:30]), tuple(texts[30:]))


def test_both_are_measured_on_the_same_texts(tmp_path: Path) -> None:
    found = compared(split(), Counting(), tmp_path)
    assert found["head"]["value"] == found["svc"]["value"] == found["macro_f1"]["head"] == 1.0
    assert found["points"] == {"value": 0.0, "interval": [0.0, 0.0], "n": 10}


def test_embeddings_are_made_once_for_the_same_texts(tmp_path: Path) -> None:
    encoder = Counting()
    one = embeddings(["a", "sea"], encoder, tmp_path)
    np.testing.assert_array_equal(one, embeddings(["a", "sea"], encoder, tmp_path))
    assert encoder.asked == 2
    embeddings(["asea"], encoder, tmp_path)
    assert encoder.asked == 3
