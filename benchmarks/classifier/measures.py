"""Figures with 95 % intervals."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

BINS = 10  # of confidence, equally wide (Guo et al. 2017)
_DRAWS = 1000

Figure = dict[str, float | list[float] | int]


def share(right: Sequence[bool]) -> Figure:
    """The share of what is right, with the bootstrap's interval."""
    return figure(lambda rows: float(np.asarray(right)[rows].mean()), len(right))


def calibration(confidence: Sequence[float], right: Sequence[bool]) -> Figure:
    """Expected calibration error: how far confidence lies from the share of what is right."""
    told, is_right = np.asarray(confidence), np.asarray(right)

    def error(rows: NDArray[np.intp]) -> float:
        bins = np.minimum((told[rows] * BINS).astype(int), BINS - 1)
        gaps = np.bincount(bins, told[rows] - is_right[rows], BINS)
        return float(np.abs(gaps).sum() / len(rows))

    return figure(error, len(told))


def separation(inside: Sequence[float], outside: Sequence[float]) -> Figure:
    """AUROC of a score that should be higher for what is inside."""
    scores = np.array([*inside, *outside])
    truth = np.array([1] * len(inside) + [0] * len(outside))
    return figure(lambda rows: _auroc(truth[rows], scores[rows]), len(scores))


def figure(measure: Callable[[NDArray[np.intp]], float], count: int) -> Figure:
    """A measure of rows, with the interval of a thousand bootstrap draws (Efron 1979)."""
    chance = np.random.default_rng(1)
    drawn = [measure(chance.integers(0, count, count)) for _ in range(_DRAWS)]
    low, high = np.nanpercentile(drawn, (2.5, 97.5))
    return {"value": measure(np.arange(count)), "interval": [float(low), float(high)], "n": count}


def _auroc(truth: NDArray[np.intp], scores: NDArray[np.float64]) -> float:
    return float(roc_auc_score(truth, scores)) if 0 < truth.sum() < len(truth) else float("nan")
