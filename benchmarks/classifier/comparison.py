"""The linear head beside TF-IDF and a linear support vector machine, on the same texts.

Nothing is chosen on the test.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics import f1_score
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC

from benchmarks.classifier.measures import figure, share
from benchmarks.classifier.splits import Labelled, Split
from genre_models import atomic
from genre_models.classification.linear_head import Examples, LinearHead
from genre_models.encoder import Encoder
from genre_models.weights import ENCODER

_PARTS = 10


def compared(split: Split, encoder: Encoder, cache: Path) -> dict[str, Any]:
    """Accuracy, macro-F1 and seconds of both, and the head's lead in points.

    Intervals are of the bootstrap over test texts, the lead's of pairs of answers. Embeddings are
    kept in the cache, and `embedded` says how long that took, about 0 once they are there.
    """
    began = time.perf_counter()
    training, test = (
        embeddings([each.text for each in part], encoder, cache)
        for part in (split.training, split.test)
    )
    embedded = time.perf_counter()
    head = head_answers(split, training, test)
    answered = time.perf_counter()
    vectors = vector_answers(split)
    done = time.perf_counter()
    labels = np.array([each.label for each in split.test])
    right, other = head == labels, vectors == labels
    return {
        "head": share(list(right)),
        "svc": share(list(other)),
        "points": figure(
            lambda rows: 100 * float(right[rows].mean() - other[rows].mean()), len(labels)
        ),
        "macro_f1": {"head": _macro_f1(labels, head), "svc": _macro_f1(labels, vectors)},
        "seconds": {
            "embedded": embedded - began,
            "head": answered - embedded,
            "svc": done - answered,
        },
    }


def embeddings(texts: Sequence[str], encoder: Encoder, cache: Path) -> NDArray[np.float32]:
    """Unit rows [n, 384], read from the cache or kept there."""
    digest = sha256("\0".join([ENCODER.sha256, *texts]).encode()).hexdigest()
    file = atomic.make_once(
        cache.expanduser() / "embeddings" / f"{digest[:16]}.npy",
        lambda path: _save(path, encoder.encode(texts)),
    )
    rows: NDArray[np.float32] = np.load(file, allow_pickle=False)
    return rows


def _save(path: Path, rows: NDArray[np.float32]) -> None:
    with path.open("wb") as file:  # numpy adds an ending to a name
        np.save(file, rows, allow_pickle=False)


def head_answers(
    split: Split, training: NDArray[np.float32], test: NDArray[np.float32]
) -> NDArray[np.str_]:
    """The class that the head gives each test text."""
    head = LinearHead.fit(
        Examples(
            texts=_texts(split.training),
            embeddings=training,
            labels=tuple(each.label for each in split.training),
            sources=tuple(_part(each) for each in split.training),
        )
    )
    best = [
        head.scores(row, each.text).argmax() for row, each in zip(test, split.test, strict=True)
    ]
    return np.array(head.classes)[best]


def _part(text: Labelled) -> str:
    """One of ten that a text's whole file is in: the head is calibrated on each in turn."""
    return str(crc32((text.source or text.text).encode()) % _PARTS)


def vector_answers(split: Split) -> NDArray[np.str_]:
    """The class that the machine gives each test text, with scikit-learn's settings."""
    machine = make_pipeline(TfidfVectorizer(sublinear_tf=True), LinearSVC())
    machine.fit(_texts(split.training), [each.label for each in split.training])
    answers: NDArray[np.str_] = machine.predict(_texts(split.test))
    return answers


def _texts(part: Sequence[Labelled]) -> tuple[str, ...]:
    return tuple(each.text for each in part)


def _macro_f1(labels: NDArray[np.str_], answers: NDArray[np.str_]) -> float:
    return float(f1_score(labels, answers, average="macro", zero_division=0))
