"""Which class a text is of, learned from texts of each: from one a class to thousands.

Few are told apart by a linear head on embeddings and words. From `MANY` on, the upper layers of the
encoder are tuned to the classes, beside a support vector machine on words; two weights join their
scores, fitted on texts that neither has seen (stacking, Wolpert 1992).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import compress
from typing import Any, Protocol
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from genre_models.classification.examples import Example
from genre_models.classification.linear_head import Examples, LinearHead, softmax
from genre_models.encoder import Encoder, TunableLayeredEncoder
from genre_models.tuned import Tuned
from schemas.errors import Rejected

MANY = 2000  # texts
_TUNED = 20_000  # texts that layers are tuned on: their states take up to 200 kB each
_PARTS = 10  # few texts are calibrated on each of ten parts in turn, many on one
_LEAST = 20  # one in so many texts must be held out for the weights, else they say nothing
_RARE = 18  # texts of a class that must remain to learn from, or none of it is held out
_PULL = 1e-3  # of the weights towards 1, so that they stay finite where nothing is wrong

Floats = NDArray[np.float32]


class TextClassifier(Protocol):
    """What tells classes apart."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Their names."""

    def probabilities(self, texts: Sequence[str]) -> Floats:
        """Calibrated, of each class; each row sums to 1.  # [n, classes]"""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _OfFew:
    head: LinearHead
    encoder: Encoder

    @property
    def classes(self) -> tuple[str, ...]:
        return self.head.classes

    def probabilities(self, texts: Sequence[str]) -> Floats:
        scores = [
            self.head.scores(row, text)
            for row, text in zip(self.encoder.encode(texts), texts, strict=True)
        ]
        return self.head.probabilities(np.stack(scores))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _OfMany:
    classes: tuple[str, ...]
    svm: Any
    tuned: Tuned
    encoder: Encoder
    weights: Floats

    def probabilities(self, texts: Sequence[str]) -> Floats:
        by_words = _svm_scores(self.svm, texts)
        by_encoder = self.tuned.scores(self.encoder.encode(texts))
        return softmax(self.weights[0] * by_words + self.weights[1] * by_encoder)


def fitted(examples: Sequence[Example], encoder: TunableLayeredEncoder) -> TextClassifier:
    """Learn from texts of classes (`label`) and sources; "" where nobody knows the source.

    Takes seconds for few and, on two cores with AVX2, eleven minutes for 6,500 pieces of news.
    Raises Rejected `bad_source` for fewer than two classes, and for many texts without a word.
    """
    classes = tuple(sorted({each.label for each in examples}))
    if len(classes) < 2:
        raise Rejected("bad_source", f"Expected texts with two labels or more, got {len(classes)}.")
    places = {each: place for place, each in enumerate(classes)}
    labels = np.array([places[each.label] for each in examples])
    held_out = _held_out(examples, labels) if len(examples) >= MANY else None
    if held_out is None:
        return _of_few(examples, encoder)
    return _of_many([each.text for each in examples], labels, classes, held_out, encoder)


def _of_few(examples: Sequence[Example], encoder: TunableLayeredEncoder) -> TextClassifier:
    texts = tuple(each.text for each in examples)
    head = LinearHead.fit(
        Examples(
            texts=texts,
            embeddings=encoder.encode(texts),
            labels=tuple(each.label for each in examples),
            sources=tuple(str(_hash(each) % _PARTS) for each in _sources(examples)),
        )
    )
    return _OfFew(head=head, encoder=encoder)


def _of_many(
    texts: Sequence[str],
    labels: NDArray[np.intp],
    classes: tuple[str, ...],
    held_out: NDArray[np.bool_],
    encoder: TunableLayeredEncoder,
) -> TextClassifier:
    svm = _fitted_svm(texts, labels)
    learned, learned_labels = list(compress(texts, ~held_out)), labels[~held_out]
    rows = _spread(learned_labels)
    tuned = encoder.tuned_to_classes([learned[row] for row in rows], learned_labels[rows])
    other = encoder.with_weights(tuned.weights)
    held = list(compress(texts, held_out))
    weights = _weights(
        _svm_scores(_fitted_svm(learned, learned_labels), held),
        tuned.scores(other.encode(held)),
        labels[held_out],
    )
    return _OfMany(classes=classes, svm=svm, tuned=tuned, encoder=other, weights=weights)


def _held_out(examples: Sequence[Example], labels: NDArray[np.intp]) -> NDArray[np.bool_] | None:
    """About a tenth: of whole sources where they are small enough, and nothing of rare classes;
    None where that leaves too little.
    """
    for sources in (_sources(examples), [each.text for each in examples]):
        taken = _tenth(sources)
        held_out = np.array([source in taken for source in sources])
        remaining = np.bincount(labels[~held_out], minlength=int(labels.max()) + 1)
        held_out &= remaining[labels] >= _RARE
        if held_out.sum() * _LEAST >= len(examples) and len({*labels[held_out].tolist()}) > 1:
            return held_out
    return None


def _tenth(sources: Sequence[str]) -> set[str]:
    """Sources of at most a tenth of the texts, in an order that nobody chose."""
    left, taken = len(sources) // _PARTS, set[str]()
    for source, count in sorted(Counter(sources).items(), key=lambda each: _hash(each[0])):
        if count <= left:
            taken.add(source)
            left -= count
    return taken


def _sources(examples: Sequence[Example]) -> list[str]:
    """The source of each text; the text itself where none is given, or its class has one alone."""
    sources: dict[str, set[str]] = {}
    for each in examples:
        sources.setdefault(each.label, set()).add(each.source)
    return [
        each.source if each.source and len(sources[each.label]) > 1 else each.text
        for each in examples
    ]


def _hash(source: str) -> int:
    return crc32(source.encode())


def _spread(labels: NDArray[np.intp]) -> NDArray[np.intp]:
    """Rows of as many texts as layers are tuned on, or hardly more: the same share of each class,
    and one at least.
    """
    step = -(-len(labels) // _TUNED)
    return np.sort(
        np.concatenate([np.flatnonzero(labels == each)[::step] for each in np.unique(labels)])
    )


def _fitted_svm(texts: Sequence[str], labels: NDArray[np.intp]) -> Any:
    """A support vector machine on the words of texts, of labels from 0 on.

    Raises Rejected `bad_source` where no text has a word.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.pipeline import make_pipeline
    from sklearn.svm import LinearSVC

    vectorizer = TfidfVectorizer(sublinear_tf=True)
    try:
        rows = vectorizer.fit_transform(texts)
    except ValueError as error:  # "empty vocabulary"
        raise Rejected("bad_source", "Expected texts with words, got none.") from error
    return make_pipeline(vectorizer, LinearSVC(random_state=0).fit(rows, labels))


def _svm_scores(svm: Any, texts: Sequence[str]) -> Floats:
    """What the machine says of each class.  # [n, classes]"""
    found = svm.decision_function(texts)
    if found.ndim == 1:  # of two classes one number, for the second
        found = np.column_stack([-found, found])
    scores: Floats = found.astype(np.float32)
    return scores


def _weights(by_words: Floats, by_encoder: Floats, labels: NDArray[np.intp]) -> Floats:
    """Of both scores, by least log-loss.  # 2 x [n, classes], [n] -> [2]"""
    from scipy.optimize import minimize
    from scipy.special import log_softmax

    rows, both = np.arange(len(labels)), np.stack([by_words, by_encoder]).astype(np.float64)

    def loss(weights: NDArray[np.float64]) -> float:
        logits = np.tensordot(weights, both, axes=1)
        lost = -log_softmax(logits, axis=1)[rows, labels].mean()
        return float(lost + _PULL * ((weights - 1) ** 2).sum())

    found = minimize(loss, (1.0, 1.0), method="L-BFGS-B", bounds=[(0.0, None)] * 2)
    weights: Floats = found.x.astype(np.float32)
    return weights
