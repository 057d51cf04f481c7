"""Fitting the learned score, and what is to be expected of it on an author it has not seen."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from itertools import compress

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_solve, cholesky, eigh, solve_triangular
from sklearn.linear_model import LogisticRegression

from genre_models.encoder import TunableEncoder
from genre_models.safety.examples import ORDINARY, Example
from genre_models.safety.learned import (
    Encode,
    Floats,
    Learned,
    Opinion,
    add_opinions,
    gaussian,
    probable,
    unit,
)
from genre_models.safety.second_opinion import SecondOpinion
from genre_models.safety.third_opinion import ThirdOpinion
from genre_models.safety.words import Unit, WordIndex

COMPONENTS = 192
RIDGE = 0.5
LANDMARKS = 12_000
"""Examples that a request is compared with, at most. With a half of 22,000 the two scores together
declined as much as with all, in half of the memory; learned from that half alone, less.
"""
_JITTER = 1e-3  # examples that hardly differ make a kernel singular in float32
_BLOCK = 1024  # rows of a kernel at a time
SPARED = 0.97  # of an author's look-alikes, by a fit without that author
TEXTS_SPARED = 0.995  # of ordinary texts of genres that are not learned from


def fitted(
    examples: Sequence[Example],
    texts: Sequence[str],
    encode: Encode,
    *,
    aside: Collection[str],
    by: Unit = "words",
    weight: float = 0.3,
    texts_apart: Sequence[str] = (),
) -> Learned:
    """Fitted on all examples, `texts` being what they say; calibrated and its threshold chosen on
    scores that each author's get from a fit on the others'.

    Likeness in words, counted `by` the unit, has this `weight`. The threshold is chosen on the
    look-alikes of the authors `aside`, who set those of further opinions as well: the regression
    does learn from them. `texts_apart`, which mean no harm, give the threshold of texts. Raises
    ValueError where an author is missing.
    """
    is_aside = _are_by(aside, examples)
    points = encode(texts)
    mean = points.mean(axis=0)
    points -= mean
    kept = _components(points)
    rows = unit(points @ kept)
    index = WordIndex(texts, by)
    categories = tuple(sorted({each.category for each in examples} - {ORDINARY}))
    targets = _targets(examples, categories)
    authors = [each.author for each in examples]
    places = np.linspace(0, len(texts) - 1, min(len(texts), LANDMARKS)).astype(np.intp)
    alpha, values = solved(_kernel(rows, places, index, weight), places, targets, authors)
    slope, shifts = _calibration(values, examples, len(categories))
    odds = slope * values[:, 0] + shifts[values[:, 1:].argmax(axis=1)]
    of_words = np.zeros_like(targets)
    of_words[places] = weight * alpha
    learned = Learned(
        categories=categories,
        mean=mean,
        axes=kept,
        rows=rows[places],
        alpha=alpha,
        words=index.scores(of_words),
        slope=slope,
        shifts=shifts,
        threshold=_threshold(odds[is_aside], list(compress(examples, is_aside))),
        left_out=odds,
    )
    return replace(learned, text_threshold=_text_threshold(learned, texts_apart, encode))


def fitted_second(
    learned: Learned,
    examples: Sequence[Example],
    texts: Sequence[str],
    encode: Encode,
    tunable: TunableEncoder,
    *,
    aside: Collection[str],
    is_own: Callable[[Example], bool] = lambda each: True,
    texts_apart: Sequence[str] = (),
) -> SecondOpinion:
    """Tuned on the examples, of which those that `learned` was fitted on are the first.

    The authors who are set `aside` are not learned from: the threshold is chosen on their
    look-alikes that `is_own` accepts, as the regression without them and the opinion score them.
    Raises ValueError where one of them, or any such look-alike, is missing.
    """
    is_aside = _are_by(aside, examples)
    kinds = np.array(
        [learned.categories.index(each.category) if each.is_harmful else -1 for each in examples]
    )
    tuned = tunable.tuned(list(compress(texts, ~is_aside)), kinds[~is_aside])
    least, least_of_texts = learned.threshold, learned.text_threshold
    second = SecondOpinion(tuned=tuned, threshold=least, text_threshold=least_of_texts)
    second = SecondOpinion.from_bytes(second.to_bytes())  # the thresholds are those of what is kept
    opinion = second.by(tunable)
    own = is_aside & np.array([is_own(each) for each in examples])
    return replace(
        second,
        threshold=_threshold_beside([opinion], learned, examples, texts, own),
        text_threshold=_text_threshold(learned, texts_apart, encode, [opinion]),
    )


def fitted_third(
    learned: Learned,
    opinions: Sequence[Opinion],
    examples: Sequence[Example],
    texts: Sequence[str],
    *,
    aside: Collection[str],
) -> ThirdOpinion:
    """The threshold beside all `opinions`, on the look-alikes by the authors who are set `aside`,
    from whom none of the opinions has learned. Raises as `fitted_second`.
    """
    own = _are_by(aside, examples)
    return ThirdOpinion(threshold=_threshold_beside(opinions, learned, examples, texts, own))


def _threshold_beside(
    opinions: Sequence[Opinion],
    learned: Learned,
    examples: Sequence[Example],
    texts: Sequence[str],
    own: NDArray[np.bool_],
) -> float:
    """The threshold on some examples, each scored by a regression without its author's and by the
    opinions.
    """
    odds = learned.left_out[np.flatnonzero(own)]
    add_opinions(opinions, odds, list(compress(texts, own)))
    return _threshold(odds, list(compress(examples, own)))


def _are_by(authors: Collection[str], examples: Sequence[Example]) -> NDArray[np.bool_]:
    """Which examples are by some authors. Raises ValueError where one of these is missing."""
    known = {each.author for each in examples}
    missing = sorted({*authors} - known)
    if missing:
        raise ValueError(
            f"expected examples of {missing[0]}, got those of {', '.join(sorted(known))}"
        )
    return np.array([each.author in authors for each in examples])


def _kernel(rows: Floats, places: NDArray[np.intp], index: WordIndex, weight: float) -> Floats:
    """Likeness of each example with landmarks at `places`: of 43,000 2 GB.  # [n, m]"""
    kernel, landmarks = index.gram(places), rows[places]
    kernel *= weight
    for start in range(0, len(rows), _BLOCK):
        kernel[start : start + _BLOCK] += gaussian(rows[start : start + _BLOCK], landmarks)
    return kernel


def solved(
    kernel: Floats, places: NDArray[np.intp], targets: Floats, authors: Sequence[str]
) -> tuple[Floats, Floats]:
    """The weights of a ridge regression on landmarks (Nyström; Rudi et al. 2015, equation 5), and
    the values that each example gets from a fit without its author's targets (Pahikkala et al.
    2006, fast n-fold cross-validation). Writes over `kernel` [n, m], of examples and landmarks,
    which are the examples at `places`; takes a gigabyte and a half beside for m of 12,000. Raises
    LinAlgError for a kernel that is not positive definite.  # [m, 1 + categories], [n, the same]
    """
    lower = _factor(kernel[places], _JITTER)
    # Scalar products of these features [m, n] are the kernel as landmarks tell it.
    features = _halved(lower, kernel.T)
    factor = _factor(features @ features.T, RIDGE)
    weights = cho_solve((factor, True), features @ targets)
    alpha = solve_triangular(lower, weights, lower=True, trans="T")
    missed = targets - features.T @ weights
    features = _halved(factor, features)
    values, by = np.zeros_like(targets), np.array(authors)
    for author in set(authors):
        own = np.flatnonzero(by == author)
        theirs = features[:, own]
        rest = np.eye(len(own), dtype=np.float32) - theirs.T @ theirs
        values[own] = targets[own] - np.linalg.solve(rest, missed[own])
    return alpha, values


def _factor(matrix: Floats, added: float) -> Floats:
    """The lower Cholesky factor of a symmetric matrix with something added to its diagonal."""
    matrix[np.diag_indices(len(matrix))] += added
    # Fortran reads columns: it writes in the place of a transposed matrix alone.
    factor: Floats = cholesky(matrix.T, lower=True, overwrite_a=True, check_finite=False)
    return factor


def _halved(factor: Floats, columns: Floats) -> Floats:
    """What the lower `factor` makes into `columns`, which are stored one by one; in their place."""
    halved: Floats = solve_triangular(
        factor, columns, lower=True, overwrite_b=True, check_finite=False
    )
    return halved


def _components(points: Floats) -> Floats:
    """The axes on which centred points differ most.  # [n, d] -> [d, at most 192]"""
    width = points.shape[1]
    _, axes = eigh(points.T @ points, subset_by_index=[max(0, width - COMPONENTS), width - 1])
    kept: Floats = axes[:, ::-1].astype(np.float32)
    return kept


def _threshold(odds: Floats, examples: Sequence[Example]) -> float:
    """The probability that most look-alikes stay below, for the author in the middle: some wrote
    nothing but pairs that differ in a word, and strangers do not. Raises ValueError without any.
    """
    odds_of: dict[str, list[float]] = {}
    for each, found in zip(examples, odds, strict=True):
        if each.category != ORDINARY and not each.is_harmful:
            odds_of.setdefault(each.author, []).append(found)
    if not odds_of:
        raise ValueError("expected look-alikes to set the threshold on, got none")
    return probable(float(np.median([np.quantile(own, SPARED) for own in odds_of.values()])))


def _text_threshold(
    learned: Learned, texts: Sequence[str], encode: Encode, opinions: Sequence[Opinion] = ()
) -> float:
    """The probability that most of these texts stay below; without any, more than all."""
    if not texts:
        return math.inf
    odds, _ = learned.worst(texts, encode, opinions)
    return probable(float(np.quantile(odds, TEXTS_SPARED)))


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
