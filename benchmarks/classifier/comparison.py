"""The classifier of texts beside TF-IDF and a linear support vector machine, on the same texts.

The classifier has such a machine in it: its lead is what the tuned layers add. It learns, and
weighs both, on the training texts alone.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics import f1_score
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC

from benchmarks.classifier.measures import calibration, figure, share
from benchmarks.classifier.splits import Split
from genre_models.classification.examples import Example
from genre_models.classification.text_classifier import fitted
from genre_models.encoder import TunableLayeredEncoder


def compared(split: Split, encoder: TunableLayeredEncoder) -> dict[str, Any]:
    """Accuracy, macro-F1 and seconds of both, the classifier's calibration error, and its lead in
    points.

    Intervals are of the bootstrap over test texts, the lead's of pairs of answers.
    """
    labels, test = np.array([each.label for each in split.test]), _texts(split.test)
    began = time.perf_counter()
    classifier = fitted(split.training, encoder)
    learned = time.perf_counter()
    probabilities = classifier.probabilities(test)
    answered = time.perf_counter()
    vectors = vector_answers(split)
    done = time.perf_counter()
    ours = np.array(classifier.classes)[probabilities.argmax(axis=1)]
    right, other = ours == labels, vectors == labels
    return {
        "classifier": share(list(right)),
        "svc": share(list(other)),
        "points": figure(
            lambda rows: 100 * float(right[rows].mean() - other[rows].mean()), len(labels)
        ),
        "macro_f1": {"classifier": _macro_f1(labels, ours), "svc": _macro_f1(labels, vectors)},
        "ece": calibration(list(probabilities.max(axis=1)), list(right)),
        "seconds": {
            "learned": learned - began,
            "answered": answered - learned,
            "svc": done - answered,
        },
    }


def vector_answers(split: Split) -> NDArray[np.str_]:
    """The class that the machine gives each test text: counts as logarithms, else scikit-learn's
    settings.
    """
    machine = make_pipeline(TfidfVectorizer(sublinear_tf=True), LinearSVC(random_state=0))
    machine.fit(_texts(split.training), [each.label for each in split.training])
    answers: NDArray[np.str_] = machine.predict(_texts(split.test))
    return answers


def _texts(part: Sequence[Example]) -> list[str]:
    return [each.text for each in part]


def _macro_f1(labels: NDArray[np.str_], answers: NDArray[np.str_]) -> float:
    return float(f1_score(labels, answers, average="macro", zero_division=0))
