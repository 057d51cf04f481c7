"""An encoder of words and a few requests, to fit a score in milliseconds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from genre_models.encoder import DIMENSION, LAYERS
from genre_models.safety.examples import Example
from genre_models.tuned import Tuned

_WEIGHTS = {"toy": np.ones(1, np.float32)}


class Toy:
    """Texts that are alike where they share words."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.other: Toy | None = None

    def layers(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.asked += texts
        rows = np.full((len(texts), LAYERS, DIMENSION), 1e-3, np.float32)
        for row, text in zip(rows, texts, strict=True):
            for word in text.split():
                row[:, sum(map(ord, word)) % DIMENSION] += 1
        return rows / np.linalg.norm(rows, axis=2, keepdims=True)

    def rows(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """The layers side by side."""
        return self.layers(texts).reshape(len(texts), -1)

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return self.layers(texts)[:, -1]

    def tuned(self, texts: Sequence[str], kinds: NDArray[np.intp]) -> Tuned:
        """The direction from the mean of no to that of yes."""
        rows = Toy().encode(texts)
        head = rows[kinds >= 0].mean(0) - rows[kinds < 0].mean(0)
        return Tuned(weights=_WEIGHTS, head=head[:, None], bias=np.full(1, -0.5, np.float32))

    def tuned_to_classes(self, texts: Sequence[str], classes: NDArray[np.intp]) -> Tuned:
        """The mean of each class."""
        rows = Toy().encode(texts)
        means = [rows[classes == each].mean(0) for each in range(classes.max() + 1)]
        return Tuned(
            weights=_WEIGHTS, head=np.stack(means, axis=1), bias=np.zeros(len(means), np.float32)
        )

    def with_weights(self, weights: Mapping[str, NDArray[np.float32]]) -> Toy:
        """Another toy, which is kept: what it is asked is told apart."""
        if weights.keys() != _WEIGHTS.keys():
            raise ValueError(f"a toy's weights were expected, got {list(weights)}")
        self.other = Toy()
        return self.other


HARM = [("fraud", "steal her savings by a letter"), ("weapons", "mix a bomb from fertiliser")]
GOOD = [("fraud", "warn her of a letter"), ("weapons", "mix a cake from flour")]
EXAMPLES = [
    Example(text=f"{text} {filler}", category=kind, author=author, is_harmful=harmful)
    for author in ("one", "two")
    for harmful, cases in ((True, HARM), (False, GOOD))
    for kind, text in cases
    for filler in ("now", "please", "for me", "today", "at once")
]
AUTHORS = ("one", "two")
