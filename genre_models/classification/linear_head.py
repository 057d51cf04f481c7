"""A linear classifier on embeddings and words: support vectors, one class against the rest.

Fan et al. 2008 (LIBLINEAR). A class has a column of its own, so that a new one is learned in less
than a second and leaves the others as they were. The temperature that makes probabilities of scores
is fitted on examples whose whole source was left out (Guo et al. 2017): no author vouches for
himself. Embeddings are read by their principal components, short beside the words (unit vectors):
longer ones let topics mislead.
"""

from __future__ import annotations

import warnings
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh
from scipy.sparse import csr_matrix, diags, hstack

from genre_models.classification.words import BUCKETS, bag, bags, counted, rarity

_MARGIN = 1.0  # C: the best of .3 and 1 for an author who was left out
_COMPONENTS = 384  # of embeddings; 256 and 640 were no better
# Mean length beside words: .25, .4, .8, 1.2 and 1.6 gave .902, .911, .902, .888 and .872 of the
# requests of an author who was left out (four authors).
_LENGTH = 0.4
_PASSES, _TOLERANCE = 200, 1e-2
_TEMPERATURES = np.geomspace(0.5, 30.0, 100)
# The columns of others have not learned what is new, and one of few examples keeps near -1. Lifted
# alone, new genres of ten requests got .74 of theirs where others lost a point at most; stretched
# by 1.3, 1.6 and 2 as well, .79, .80 and .81 (requests of two authors who were left out).
_STRETCH, _LIFT = 2.0, 1.22
_FITTING = Lock()  # of one thread at a time: filters of warnings are the whole process's
_AGAINST, _LEAST = 2500, 6  # examples that a new class is told from: in all, of each class


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Examples:
    """Texts, their embeddings [n, d], the names of their classes, and where they are from."""

    texts: tuple[str, ...]
    embeddings: NDArray[np.float32]
    labels: tuple[str, ...]
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LinearHead:
    """Scores of `classes`: products with the columns of `meaning` [k, n] and `words`, plus `bias`.

    `meaning` is of the `points` of embeddings: what remains without `mean` [d], along `axes`
    [d, k]. `words` [BUCKETS, n] is empty where only embeddings count.
    """

    classes: tuple[str, ...]
    meaning: NDArray[np.float32]
    words: NDArray[np.float16]
    bias: NDArray[np.float32]
    mean: NDArray[np.float32]
    axes: NDArray[np.float32]
    idf: NDArray[np.float32]
    temperature: float

    @classmethod
    def fit(cls, examples: Examples, *, with_words: bool = True) -> LinearHead:
        """Learn all classes; each counts the same however many examples it has.

        Takes half a minute for 10,000 examples of 40 classes.
        """
        mean = examples.embeddings.mean(0)
        axes = _axes(examples.embeddings - mean, _LENGTH if with_words else 1.0)
        head = cls(
            classes=(),
            meaning=np.zeros((axes.shape[1], 0), np.float32),
            words=np.zeros((BUCKETS if with_words else 0, 0), np.float16),
            bias=np.zeros(0, np.float32),
            mean=mean,
            axes=axes,
            idf=rarity(bags(examples.texts)) if with_words else np.zeros(0, np.float32),
            temperature=1.0,
        )
        examples = replace(examples, embeddings=head.points(examples.embeddings))
        features = _features(head, examples)
        labels, sources = np.array(examples.labels), np.array(examples.sources)
        classes = tuple(dict.fromkeys(examples.labels))
        fitted = _with(head, classes, *_columns(features, labels, classes))
        return _calibrated(fitted, features, labels, sources)

    def grown(self, examples: Examples, classes: Collection[str]) -> LinearHead:
        """This head with columns for new `classes`, of which `examples` has some.

        `examples` are of all classes, those without any are gone; their embeddings are `points`.
        """
        new = tuple(each for each in dict.fromkeys(examples.labels) if each in set(classes))
        kept = self.only({*self.classes} & {*examples.labels} - {*new})
        if not new:
            return kept
        features, labels = _features(self, examples), np.array(examples.labels)
        columns, bias = _columns(features, labels, new)
        return _with(kept, new, _STRETCH * columns, _STRETCH * bias + _LIFT)

    def only(self, classes: Collection[str]) -> LinearHead:
        """This head without the columns of other classes."""
        kept = [at for at, each in enumerate(self.classes) if each in classes]
        return replace(
            self,
            classes=tuple(self.classes[at] for at in kept),
            meaning=self.meaning[:, kept],
            words=self.words[:, kept],
            bias=self.bias[kept],
        )

    def points(self, embeddings: NDArray[np.float32]) -> NDArray[np.float32]:
        """Where embeddings lie along the axes.  # [..., d] -> [..., k]"""
        points: NDArray[np.float32] = ((embeddings - self.mean) @ self.axes).astype(np.float32)
        return points

    def scores(self, embedding: NDArray[np.float32], text: str | None) -> NDArray[np.float32]:
        """One score a class, about 1 for the right one and -1 for others, 3 and -1 of a `grown`
        class; without text, rougher.
        """
        scores: NDArray[np.floating] = self.points(embedding) @ self.meaning + self.bias
        if text is not None and len(self.words):
            buckets, weights = self._bag(text)
            scores = scores + weights @ self.words[buckets].astype(np.float32)
        return scores.astype(np.float32)

    def said(self, text: str, label: str) -> dict[str, float]:
        """What each word and pair of words of a text adds to the score of a class."""
        if not len(self.words):
            return {}
        buckets, weights = self._bag(text)
        added = weights * self.words[buckets, self.classes.index(label)].astype(np.float32)
        return dict(zip(counted(text), map(float, added), strict=True))

    def _bag(self, text: str) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
        """Buckets of a text's words and their weights: a unit vector."""
        buckets, weights = bag(text)
        weights = weights * self.idf[buckets]
        return buckets, weights / max(float(np.linalg.norm(weights)), 1e-6)

    def probabilities(self, scores: NDArray[np.float32]) -> NDArray[np.float32]:
        """Probabilities, calibrated but for `grown` classes, which are surer than they may be; each
        row sums to 1.  # [..., classes]
        """
        return softmax(scores * self.temperature)


def softmax(logits: NDArray[np.floating]) -> NDArray[np.float32]:
    """Along the last axis."""
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    probabilities: NDArray[np.float32] = (powers / powers.sum(axis=-1, keepdims=True)).astype(
        np.float32
    )
    return probabilities


def _axes(centred: NDArray[np.float32], length: float) -> NDArray[np.float32]:
    """Principal components, as long as makes of rows points of this mean length."""
    width = centred.shape[1]
    first = max(0, width - _COMPONENTS)
    _, axes = eigh(centred.T @ centred, subset_by_index=[first, width - 1])
    found = float(np.linalg.norm(centred @ axes, axis=1).mean())
    scaled: NDArray[np.float32] = (axes * (length / max(found, 1e-3))).astype(np.float32)
    return scaled


def _features(head: LinearHead, examples: Examples) -> csr_matrix:
    """Of examples whose embeddings are points."""
    meaning = csr_matrix(examples.embeddings)
    if not len(head.words):
        return meaning
    words = bags(examples.texts) @ diags(head.idf)
    length = np.sqrt(np.asarray(words.multiply(words).sum(1)).ravel())
    unit = diags(1 / np.maximum(length, 1e-6)) @ words
    return csr_matrix(hstack([meaning, unit]), dtype=np.float32)


def _with(
    head: LinearHead,
    classes: Sequence[str],
    columns: NDArray[np.float32],
    bias: NDArray[np.float32],
) -> LinearHead:
    width = len(head.meaning)
    return replace(
        head,
        classes=(*head.classes, *classes),
        meaning=np.hstack([head.meaning, columns[:width]]),
        words=np.hstack([head.words, columns[width:].astype(np.float16)]),
        bias=np.concatenate([head.bias, bias]),
    )


def _calibrated(
    head: LinearHead, features: csr_matrix, labels: NDArray[np.str_], sources: NDArray[np.str_]
) -> LinearHead:
    """With the temperature of least log-loss on sources that were left out."""
    names = np.unique(sources)
    rows = some(list(labels))
    features, labels, sources = features[rows], labels[rows], sources[rows]
    parts = (
        [sources == each for each in names]
        if len(names) > 1
        else [np.arange(len(labels)) % 2 == part for part in (0, 1)]
    )
    losses = np.zeros(len(_TEMPERATURES))
    for part in parts:
        classes = tuple(np.unique(labels[~part]))
        told = part & np.isin(labels, classes)
        if len(classes) < 2 or not told.any():
            continue
        columns, bias = _columns(features[~part], labels[~part], classes)
        scores = features[told] @ columns + bias
        losses += _losses(scores, np.searchsorted(classes, labels[told]))
    best = float(_TEMPERATURES[int(np.argmin(losses))])
    return replace(head, temperature=best)


def _columns(
    features: csr_matrix, labels: NDArray[np.str_], classes: Sequence[str]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """A column a class, learned against all other examples.  # [features, classes], [classes]

    `classes` are all labels, or some new ones.
    """
    names, places, counts = np.unique(labels, return_inverse=True, return_counts=True)
    weights = dict(zip(names, counts.mean() / counts, strict=True))
    if len(names) == len(classes) > 2:
        # By number: scikit-learn takes a name such as "7" for one.
        machine = _machine(features, places, dict(enumerate(weights.values())))
        order = np.searchsorted(names, classes)
        return machine.coef_[order].T.astype(np.float32), machine.intercept_[order]
    columns = np.zeros((features.shape[1], len(classes)), np.float32)
    bias = np.ones(len(classes), np.float32)
    for at, name in enumerate(classes if len(names) > 1 else ()):
        machine = _machine(features, labels == name, {True: weights[name], False: 1.0})
        columns[:, at], bias[at] = machine.coef_[0], machine.intercept_[0]
    return columns, bias


def _machine(features: csr_matrix, labels: NDArray[Any], weights: Mapping[Any, float]) -> Any:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.svm import LinearSVC

    machine = LinearSVC(
        C=_MARGIN, class_weight=weights, max_iter=_PASSES, tol=_TOLERANCE, random_state=0
    )
    with _FITTING, warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the passes are bounded on purpose
        return machine.fit(features, labels)


def some(labels: Sequence[str], whole: Collection[str] = ()) -> list[int]:
    """Rows of examples: all of the classes `whole`, of the others a few, spread over theirs."""
    rows: dict[str, list[int]] = {}
    for row, label in enumerate(labels):
        rows.setdefault(label, []).append(row)
    share = max(_LEAST, _AGAINST // len(rows))
    return sorted(
        row
        for label, each in rows.items()
        for row in each[:: 1 if label in whole else -(-len(each) // share)]
    )


def _losses(scores: NDArray[np.float32], right: NDArray[np.intp]) -> NDArray[np.float64]:
    """Mean log-loss at each temperature."""
    rows = np.arange(len(right))
    return np.array(
        [-np.log(softmax(scores * each)[rows, right] + 1e-9).mean() for each in _TEMPERATURES]
    )
