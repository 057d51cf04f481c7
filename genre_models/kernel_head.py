"""A classifier in closed form: kernel ridge regression on one-hot labels, with exact leave-one-out scores.

Rasmussen and Williams 2006, chapters 5.4.2 and 6.5 (least-squares classification): with A = K + diag(ridge) and
alpha = A^-1 Y, the score of example i by the model fitted without it is y_i - alpha_i / [A^-1]_ii.
The temperature that makes probabilities of scores is fitted on those (Guo et al. 2017): no example vouches for itself.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_RIDGE = 1.0
_TARGET = 2.0  # score of the right class; with it, useful temperatures lie around 10
_TEMPERATURES = np.geomspace(1.0, 60.0, 120)


@dataclass(frozen=True, slots=True)
class KernelHead:
    """Scores of a query are its kernel row with the examples, times `alpha` [examples, classes]."""

    alpha: NDArray[np.float32]
    temperature: float

    @classmethod
    def fit(cls, kernel: NDArray[np.float64], labels: NDArray[np.intp]) -> KernelHead:
        """Fit on the examples' kernel [n, n]; every class counts the same however many examples it has."""
        targets = _TARGET * np.eye(int(labels.max()) + 1)[labels]
        counts = np.bincount(labels)
        ridge = _RIDGE * counts[labels] / counts.mean()
        inverse = np.linalg.inv(kernel + np.diag(ridge))
        alpha = inverse @ targets
        left_out = targets - alpha / np.diag(inverse)[:, None]
        return cls(alpha.astype(np.float32), _temperature(left_out, labels))

    def scores(self, kernel: NDArray[np.float32]) -> NDArray[np.float32]:
        """From kernel rows [..., examples] to scores [..., classes]."""
        scores: NDArray[np.float32] = kernel @ self.alpha
        return scores

    def probabilities(self, scores: NDArray[np.float32]) -> NDArray[np.float32]:
        """Calibrated probabilities; each row sums to 1.  # [..., classes]"""
        return softmax(scores * self.temperature)


def softmax(logits: NDArray[np.floating]) -> NDArray[np.float32]:
    """Along the last axis."""
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    probabilities: NDArray[np.float32] = (powers / powers.sum(axis=-1, keepdims=True)).astype(np.float32)
    return probabilities


def _temperature(left_out: NDArray[np.float64], labels: NDArray[np.intp]) -> float:
    rows = np.arange(len(labels))
    losses = [-np.log(softmax(left_out * each)[rows, labels] + 1e-9).mean() for each in _TEMPERATURES]
    return float(_TEMPERATURES[int(np.argmin(losses))])
