from __future__ import annotations

from benchmarks.classifier.comparison import compared
from benchmarks.classifier.splits import Split
from genre_models.classification.examples import Example
from tests.genre_models.safety.toy import Toy


def split() -> Split:
    texts = [
        Example(f"{word}{number} {kind}", kind, "")
        for number in range(20)
        for kind, word in (("sea", "wave"), ("land", "hill"))
    ]
    return Split(tuple(texts[:30]), tuple(texts[30:]))


def test_both_are_measured_on_the_same_texts() -> None:
    found = compared(split(), Toy())
    assert found["classifier"]["value"] == found["svc"]["value"] == 1.0
    assert found["macro_f1"] == {"classifier": 1.0, "svc": 1.0}
    assert found["points"] == {"value": 0.0, "interval": [0.0, 0.0], "n": 10}
    assert 0.0 <= found["ece"]["value"] < 0.5
