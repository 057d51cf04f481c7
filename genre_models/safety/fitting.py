"""Fitting the learned score, and what is to be expected of it on an author it has not seen."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from genre_models.encoder import LayeredEncoder
from genre_models.safety.examples import ORDINARY, Example
from genre_models.safety.learned import WORDS, Floats, Learned, gaussian, stacked, unit
from genre_models.safety.words import WordIndex

COMPONENTS = 192
RIDGE = 0.5
SPARED = 0.97  # of the look-alikes of each author, by a fit without them


def fitted(examples: Sequence[Example], texts: Sequence[str], encoder: LayeredEncoder) -> Learned:
    """Fitted on all examples, `texts` being what they say; calibrated and its threshold chosen on
    scores that each author's get from a fit on the others'.
    """
    points = stacked(encoder.layers(texts))
    mean = points.mean(axis=0)
    _, _, axes = np.linalg.svd(points - mean, full_matrices=False)
    kept = axes[:COMPONENTS].T
    rows = ((points - mean) @ kept).astype(np.float32)
    likeness = gaussian(unit(rows), unit(rows))
    kernel = likeness + WORDS * WordIndex([each.text for each in examples]).gram()
    categories = tuple(sorted({each.category for each in examples} - {ORDINARY}))
    targets = _targets(examples, categories)
    values = unseen(kernel, targets, [each.author for each in examples])
    slope, shifts = _calibration(values, examples, len(categories))
    odds = slope * values[:, 0] + shifts[values[:, 1:].argmax(axis=1)]
    threshold = 1.0 / (1.0 + np.exp(-_threshold(odds, examples)))
    return Learned(
        categories=categories,
        mean=mean.astype(np.float32),
        axes=kept.astype(np.float32),
        rows=rows,
        alpha=_solved(kernel, targets).astype(np.float32),
        slope=slope,
        shifts=shifts.astype(np.float32),
        threshold=float(threshold),
    )


def unseen(
    kernel: NDArray[np.float64], targets: NDArray[np.float64], authors: Sequence[str]
) -> NDArray[np.float64]:
    """Values that each example gets from a fit without its author.  # [n, 1 + categories]"""
    values = np.zeros_like(targets)
    by = np.array(authors)
    for author in set(authors):
        own, rest = np.flatnonzero(by == author), np.flatnonzero(by != author)
        alpha = _solved(kernel[np.ix_(rest, rest)], targets[rest])
        values[own] = kernel[np.ix_(own, rest)] @ alpha
    return values


def _threshold(odds: NDArray[np.float64], examples: Sequence[Example]) -> float:
    """Log-odds that most look-alikes of every author stay below: some write harder ones."""
    authors = {each.author for each in examples if each.category != ORDINARY}
    spared = {
        author: [
            number
            for number, each in enumerate(examples)
            if each.author == author and not each.is_harmful
        ]
        for author in authors
    }
    return max(float(np.quantile(odds[own], SPARED)) for own in spared.values())


def _solved(kernel: NDArray[np.float64], targets: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.linalg.solve(kernel + RIDGE * np.eye(len(kernel)), targets), np.float64)


def _targets(examples: Sequence[Example], categories: Sequence[str]) -> NDArray[np.float64]:
    """1 for harm and -1 for none; then 1 for the category, and 0."""
    harm = np.array([1.0 if each.is_harmful else -1.0 for each in examples])
    kinds = np.array([[float(each.category == name) for name in categories] for each in examples])
    return np.column_stack([harm, kinds])


def _calibration(
    values: NDArray[np.float64], examples: Sequence[Example], categories: int
) -> tuple[float, Floats]:
    """One slope, and a shift for each category that is found; regularised towards the same one."""
    kinds = np.eye(categories)[values[:, 1:].argmax(axis=1)]
    chosen = np.array([each.category != ORDINARY for each in examples])
    harmful = np.array([each.is_harmful for each in examples])
    model = LogisticRegression(C=1.0, max_iter=1000)
    model.fit(np.column_stack([4 * values[:, 0], kinds])[chosen], harmful[chosen])
    slope, *shifts = model.coef_[0]
    return 4 * float(slope), np.array(shifts) + model.intercept_[0]
