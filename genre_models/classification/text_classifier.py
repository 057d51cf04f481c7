"""Which class a text is of, learned from texts of each: from one a class to thousands.

Few are told apart by a linear head on embeddings and words. From `MANY` on, the upper layers of the
encoder are tuned to the classes, and a support vector machine reads the words; what both say is
weighted by what they say of texts that they have not seen (stacking, Wolpert 1992).
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
from genre_models.encoder import Encoder, TunableEncoder
from genre_models.tuned import Tuned

MANY = 2000  # texts
_RARE = 18  # a class with fewer texts is learned from all of them
_PARTS = 10  # few texts are calibrated on each of ten parts in turn, many on one

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
    words: Any
    tuned: Tuned
    encoder: Encoder
    weights: Floats

    def probabilities(self, texts: Sequence[str]) -> Floats:
        said = _scores(self.words, texts, len(self.classes))
        meant = self.tuned.scores(self.encoder.encode(texts))
        return softmax(self.weights[0] * said + self.weights[1] * meant)


def fitted(examples: Sequence[Example], encoder: TunableEncoder) -> TextClassifier:
    """Learn from texts, their classes as `label` and whom they are from; "" where nobody says.

    Takes seconds for few and, on two cores with AVX2, five minutes for 5,000 pieces of news.
    Raises ValueError for fewer than two classes, and for many texts without a word.
    """
    if len(classes := {each.label for each in examples}) < 2:
        raise ValueError(f"expected texts of two classes or more, got {len(classes)}")
    return (_of_many if len(examples) >= MANY else _of_few)(examples, encoder)


def _of_few(examples: Sequence[Example], encoder: TunableEncoder) -> TextClassifier:
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


def _of_many(examples: Sequence[Example], encoder: TunableEncoder) -> TextClassifier:
    texts = [each.text for each in examples]
    classes = tuple(sorted({each.label for each in examples}))
    places = {each: place for place, each in enumerate(classes)}
    labels = np.array([places[each.label] for each in examples])
    aside = _aside(examples, labels)
    learned, held = list(compress(texts, ~aside)), list(compress(texts, aside))
    tuned = encoder.tuned_to_classes(learned, labels[~aside])
    other = encoder.with_weights(tuned.weights)
    weights = np.ones(2, np.float32)
    if held:
        said = _scores(_words(learned, labels[~aside]), held, len(classes))
        weights = _weights(said, tuned.scores(other.encode(held)), labels[aside])
    return _OfMany(
        classes=classes, words=_words(texts, labels), tuned=tuned, encoder=other, weights=weights
    )


def _aside(examples: Sequence[Example], labels: NDArray[np.intp]) -> NDArray[np.bool_]:
    """A tenth: of whole sources where some are as small, without rare classes."""
    for sources in (_sources(examples), [each.text for each in examples]):
        taken = _tenth(sources)
        aside = np.array([source in taken for source in sources])
        remaining = np.bincount(labels[~aside], minlength=int(labels.max()) + 1)
        aside &= remaining[labels] >= _RARE
        if aside.any():
            break
    return aside


def _tenth(sources: Sequence[str]) -> set[str]:
    """Sources of at most a tenth of the texts, in an order that nobody chose."""
    left, taken = len(sources) // _PARTS, set[str]()
    for source, count in sorted(Counter(sources).items(), key=lambda each: _hash(each[0])):
        if count <= left:
            taken.add(source)
            left -= count
    return taken


def _sources(examples: Sequence[Example]) -> list[str]:
    """Whom each text is from: itself where nobody says, or where all of its class are from one."""
    sources: dict[str, set[str]] = {}
    for each in examples:
        sources.setdefault(each.label, set()).add(each.source)
    return [
        each.source if each.source and len(sources[each.label]) > 1 else each.text
        for each in examples
    ]


def _hash(source: str) -> int:
    return crc32(source.encode())


def _words(texts: Sequence[str], labels: NDArray[np.intp]) -> Any:
    """A support vector machine on the words of texts, of labels from 0 on."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.pipeline import make_pipeline
    from sklearn.svm import LinearSVC

    return make_pipeline(TfidfVectorizer(sublinear_tf=True), LinearSVC(random_state=0)).fit(
        texts, labels
    )


def _scores(words: Any, texts: Sequence[str], classes: int) -> Floats:
    """What the machine says of each class.  # [n, classes]"""
    found = words.decision_function(texts)
    if classes == 2:  # one number, for the second
        found = np.column_stack([-found, found])
    scores: Floats = found.astype(np.float32)
    return scores


def _weights(said: Floats, meant: Floats, labels: NDArray[np.intp]) -> Floats:
    """Of both logits, by least log-loss.  # 2 x [n, classes], [n] -> [2]"""
    from scipy.optimize import minimize
    from scipy.special import log_softmax

    rows, both = np.arange(len(labels)), np.stack([said, meant]).astype(np.float64)

    def loss(weights: NDArray[np.float64]) -> float:
        logits = np.tensordot(weights, both, axes=1)
        return -float(log_softmax(logits, axis=1)[rows, labels].mean())

    found = minimize(loss, (1.0, 1.0), method="L-BFGS-B", bounds=[(0.0, None)] * 2)
    weights: Floats = found.x.astype(np.float32)
    return weights
