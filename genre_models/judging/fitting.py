"""Learning a judge from answers that are good or bad, and measuring it on others."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold

from genre_models.judging.judge import Floats, Judge, Sign, Weights, bent
from genre_models.judging.signs import SIGNS, Answer, signs

GOOD = "good"
_FOLDS = 5
_STRENGTHS = (0.01, 0.1, 1.0)
_DIRECTION = (
    4.0  # products of unit vectors are small: times this, they are learned as fast as signs
)
_BINS = 10


@dataclass(frozen=True, kw_only=True, eq=False)
class Cases:
    """Answers [n] of a `kind` each, GOOD or what is bad of them; `groups` [n] name their requests.

    `requests` and `texts` [n, 384] are their embeddings.
    """

    answers: Sequence[Answer]
    kinds: Sequence[str]
    groups: Sequence[str]
    requests: NDArray[np.float32]
    texts: NDArray[np.float32]

    @cached_property
    def good(self) -> NDArray[np.bool_]:
        """[n]."""
        return np.array([kind == GOOD for kind in self.kinds])

    @cached_property
    def weights(self) -> Floats:
        """[n], mean 1: good and bad weigh the same, and so do all kinds of bad."""
        counts = {kind: self.kinds.count(kind) for kind in set(self.kinds)}
        bad = max(1, len(counts) - 1)
        each = np.array([1 / counts[k] / (1 if k == GOOD else bad) for k in self.kinds])
        return each / each.mean()


def fitted(cases: Cases) -> Judge:
    """Regularised as it does best on requests that it has not seen, and calibrated on those."""
    values = signs(cases.answers, cases.requests, cases.texts)
    means, deviations = values.mean(axis=0), np.maximum(values.std(axis=0), 1e-6)
    columns = _columns((values - means) / deviations, cases)
    odds = {strength: _unseen(columns, cases, strength) for strength in _STRENGTHS}
    best = min(odds, key=lambda strength: _loss(odds[strength], cases))
    calibration = LogisticRegression(C=1e6).fit(
        odds[best][:, None], cases.good, sample_weight=cases.weights
    )
    slope, shift = float(calibration.coef_[0, 0]), float(calibration.intercept_[0])
    model = _model(best).fit(columns, cases.good, sample_weight=cases.weights)
    coefficients = slope * model.coef_[0]
    own = len(SIGNS) * (1 + _bends())
    slopes = coefficients[:own].reshape(len(SIGNS), -1)
    directions = coefficients[own:] * _DIRECTION
    learned = Weights(
        signs={
            name: Sign(
                mean=_short(means[k]),
                deviation=_short(deviations[k]),
                slopes=tuple(map(_short, slopes[k])),
            )
            for k, name in enumerate(SIGNS)
        },
        directions=tuple(map(_short, directions)),
        intercept=_short(slope * model.intercept_[0] + shift),
        report={},
    )
    return _with_ordinary(learned, cases)


def report(judge: Judge, cases: Cases) -> dict[str, object]:
    """AUROC of good ones against each kind of bad, and how far probabilities are from shares."""
    found = judge.judged(cases.answers, cases.requests, cases.texts)
    said = np.array([each.probability for each in found])
    kinds = np.array(cases.kinds)
    good = said[kinds == GOOD]
    areas = {
        kind: round(_area(good, said[kinds == kind]), 4) for kind in sorted({*cases.kinds} - {GOOD})
    }
    return {
        "requests": len(good),
        "auroc": areas,
        "auroc_of_all": round(
            float(roc_auc_score(cases.good, said, sample_weight=cases.weights)), 4
        ),
        "brier": round(float(np.average((said - cases.good) ** 2, weights=cases.weights)), 4),
        "calibration_error": round(_calibration_error(said, cases), 4),
    }


def _columns(values: Floats, cases: Cases) -> Floats:
    products = (cases.requests * cases.texts).astype(np.float64) * _DIRECTION
    return np.hstack([bent(values).reshape(len(values), -1), products])


def _bends() -> int:
    return bent(np.zeros((1, 1))).shape[2] - 1


def _model(strength: float) -> LogisticRegression:
    return LogisticRegression(C=strength, solver="newton-cholesky")


def _unseen(columns: Floats, cases: Cases, strength: float) -> Floats:
    """Log-odds [n], each from a model that has not seen its request."""
    odds = np.zeros(len(columns))
    folds = GroupKFold(_FOLDS).split(columns, groups=list(cases.groups))
    for rest, part in folds:
        model = _model(strength).fit(
            columns[rest], cases.good[rest], sample_weight=cases.weights[rest]
        )
        odds[part] = model.decision_function(columns[part])
    return odds


def _loss(odds: Floats, cases: Cases) -> float:
    wrong = np.logaddexp(0.0, np.where(cases.good, -odds, odds))
    return float(np.average(wrong, weights=cases.weights))


def _with_ordinary(weights: Weights, cases: Cases) -> Judge:
    good = np.flatnonzero(cases.good).tolist()
    parts = Judge(weights).parts(
        [cases.answers[k] for k in good], cases.requests[good], cases.texts[good]
    )
    mean = dict(zip(weights.signs, parts.mean(axis=0), strict=True))
    return Judge(
        Weights(
            signs={
                name: Sign(
                    mean=each.mean,
                    deviation=each.deviation,
                    slopes=each.slopes,
                    ordinary=_short(mean[name]),
                )
                for name, each in weights.signs.items()
            },
            directions=weights.directions,
            intercept=weights.intercept,
            report={},
        )
    )


def _area(good: Iterable[float], bad: Iterable[float]) -> float:
    good, bad = list(good), list(bad)
    return float(roc_auc_score([1] * len(good) + [0] * len(bad), good + bad))


def _calibration_error(said: Floats, cases: Cases) -> float:
    """Mean distance of what is said from what is so, in ten bins."""
    bins = np.minimum((said * _BINS).astype(int), _BINS - 1)
    weights, error = cases.weights, 0.0
    for each in range(_BINS):
        here = bins == each
        if here.any():
            gap = np.average(said[here] - cases.good[here], weights=weights[here])
            error += abs(float(gap)) * float(weights[here].sum())
    return error / float(weights.sum())


def _short(number: float) -> float:
    return float(f"{number:.5g}")
