"""Fitting the learned score, and what is to be expected of it on an author it has not seen."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import compress

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh
from scipy.linalg.lapack import spotrf, spotri
from sklearn.linear_model import LogisticRegression

from genre_models.encoder import TunableEncoder
from genre_models.safety.examples import ORDINARY, Example
from genre_models.safety.learned import Encode, Floats, Learned, gaussian, heard, opinion_of, unit
from genre_models.safety.words import Unit, WordIndex
from genre_models.tuned import Tuned

COMPONENTS = 192
RIDGE = 0.5
_BLOCK = 1024  # rows of a kernel at a time
ASIDE = ("eighth", "twenty_sixth", "twenty_third")
"""Authors that what is tuned does not learn from: the threshold is that of their look-alikes, which
were neither among the easiest nor the hardest.
"""
SPARED = 0.97  # of an author's look-alikes, by a fit without that author


def fitted(
    examples: Sequence[Example],
    texts: Sequence[str],
    encode: Encode,
    *,
    by: Unit = "words",
    weight: float = 0.3,
    is_own: Callable[[Example], bool] = lambda each: True,
    tunable: TunableEncoder | None = None,
) -> Learned:
    """Fitted on all examples, `texts` being what they say; calibrated and its threshold chosen on
    scores that each author's get from a fit on the others'.

    Likeness in words, counted `by` the unit, has this `weight`. The threshold is chosen on
    the examples that `is_own` accepts: those like what the score is asked about. A `tunable`
    encoder is tuned for a second opinion, and the threshold chosen on the authors in `ASIDE`.
    Raises ValueError where one of these is missing.
    """
    points = encode(texts)
    mean = points.mean(axis=0)
    points -= mean
    kept = _components(points)
    rows = unit(points @ kept)
    index = WordIndex(texts, by)
    categories = tuple(sorted({each.category for each in examples} - {ORDINARY}))
    targets = _targets(examples, categories)
    authors = [each.author for each in examples]
    alpha, values = solved(_kernel(rows, index.gram(), weight), targets, authors)
    slope, shifts = _calibration(values, examples, len(categories))
    odds = slope * values[:, 0] + shifts[values[:, 1:].argmax(axis=1)]
    own = np.array([is_own(each) for each in examples])
    tuned = None
    if tunable is not None:
        aside = _aside(authors)
        kinds = np.where(targets[:, 0] > 0, targets[:, 1:].argmax(axis=1), -1)
        tuned, odds[aside] = _second(tunable, texts, kinds, aside, odds)
        own &= aside
    least = _threshold(odds[own], list(compress(examples, own)))
    return Learned(
        categories=categories,
        mean=mean,
        axes=kept,
        rows=rows,
        alpha=alpha,
        words=index.scores(weight * alpha),
        slope=slope,
        shifts=shifts,
        threshold=1.0 / (1.0 + math.exp(-least)),
        tuned=tuned,
    )


def _second(
    tunable: TunableEncoder,
    texts: Sequence[str],
    kinds: NDArray[np.intp],
    aside: NDArray[np.bool_],
    odds: Floats,
) -> tuple[Tuned, Floats]:
    """What is tuned on the examples that are not set aside, and the odds of those that are once
    its opinion is heard.
    """
    tuned = tunable.tuned(list(compress(texts, ~aside)), kinds[~aside])
    found = odds[aside]
    heard(found, list(compress(texts, aside)), opinion_of(tuned, tunable))
    return tuned, found


def _aside(authors: Sequence[str]) -> NDArray[np.bool_]:
    """Which examples are of authors that are set aside."""
    missing = sorted({*ASIDE} - {*authors})
    if missing:
        raise ValueError(
            f"expected examples of {missing[0]}, got those of {', '.join(sorted({*authors}))}"
        )
    return np.isin(authors, ASIDE)


def _kernel(rows: Floats, gram: Floats, weight: float) -> Floats:
    """Likeness of each example with each. In the place of `gram`: of 22,000 it is 2 GB."""
    gram *= weight
    for start in range(0, len(rows), _BLOCK):
        gram[start : start + _BLOCK] += gaussian(rows[start : start + _BLOCK], rows)
    return gram


def solved(kernel: Floats, targets: Floats, authors: Sequence[str]) -> tuple[Floats, Floats]:
    """The weights of the ridge regression, and the values that each example gets from a fit without
    its author: both from one inverse (Pahikkala et al. 2006, fast n-fold cross-validation). Writes
    over `kernel`.  # 2 x [n, 1 + categories]
    """
    kernel[np.diag_indices(len(kernel))] += RIDGE
    inverse = _inverse(kernel)
    alpha = inverse @ targets
    values = np.zeros_like(targets)
    by = np.array(authors)
    for author in set(authors):
        own = np.flatnonzero(by == author)
        values[own] = targets[own] - np.linalg.solve(inverse[np.ix_(own, own)], alpha[own])
    return alpha, values


def _inverse(matrix: Floats) -> Floats:
    """Of a symmetric positive definite matrix, in its place."""
    # Fortran reads the rows of a matrix as columns: its upper triangle is our lower one.
    factor, failed = spotrf(matrix.T, lower=0, overwrite_a=1)
    if failed:
        raise ValueError(f"expected a positive definite kernel, got minor {failed} that is not")
    inverse: Floats = spotri(factor, lower=0, overwrite_c=1)[0].T
    for row in range(len(inverse)):
        inverse[row, row + 1 :] = inverse[row + 1 :, row]
    return inverse


def _components(points: Floats) -> Floats:
    """The axes on which centred points differ most.  # [n, d] -> [d, at most 192]"""
    width = points.shape[1]
    _, axes = eigh(points.T @ points, subset_by_index=[max(0, width - COMPONENTS), width - 1])
    kept: Floats = axes[:, ::-1].astype(np.float32)
    return kept


def _threshold(odds: Floats, examples: Sequence[Example]) -> float:
    """Log-odds that most look-alikes stay below, for the author in the middle: some wrote nothing
    but pairs that differ in a word, and strangers do not.
    """
    odds_of: dict[str, list[float]] = {}
    for each, found in zip(examples, odds, strict=True):
        if each.category != ORDINARY and not each.is_harmful:
            odds_of.setdefault(each.author, []).append(found)
    return float(np.median([np.quantile(own, SPARED) for own in odds_of.values()]))


def _targets(examples: Sequence[Example], categories: Sequence[str]) -> Floats:
    """1 for harm and -1 for none; then 1 for the category, and 0."""
    harm = np.array([1.0 if each.is_harmful else -1.0 for each in examples])
    kinds = np.array([[float(each.category == name) for name in categories] for each in examples])
    return np.column_stack([harm, kinds]).astype(np.float32)


def _calibration(
    values: Floats, examples: Sequence[Example], categories: int
) -> tuple[float, Floats]:
    """One slope, and a shift for each category that is found; regularised towards the same one."""
    kinds = np.eye(categories)[values[:, 1:].argmax(axis=1)]
    chosen = np.array([each.category != ORDINARY for each in examples])
    harmful = np.array([each.is_harmful for each in examples])
    model = LogisticRegression(C=1.0, max_iter=1000)
    model.fit(np.column_stack([4 * values[:, 0], kinds])[chosen], harmful[chosen])
    slope, *shifts = model.coef_[0]
    return 4 * float(slope), (np.array(shifts) + model.intercept_[0]).astype(np.float32)
