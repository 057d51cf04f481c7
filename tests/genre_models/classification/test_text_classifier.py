from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np
import pytest
from numpy.typing import NDArray

from genre_models.classification import text_classifier
from genre_models.classification.examples import Example
from genre_models.classification.text_classifier import TextClassifier, fitted
from genre_models.tuned import Tuned
from tests.genre_models.safety.toy import Toy

_SUBJECTS = ("ferry", "lantern", "orchard", "parrot", "violin", "glacier", "saddle", "kitchen")


def examples() -> list[Example]:
    """Of three classes that a word tells, of some sources."""
    return [
        Example(f"{form} about a {one} and a {other}", form, f"author {number % 40}")
        for form in ("ode", "memo", "joke")
        for number, (one, other) in enumerate(product(_SUBJECTS, _SUBJECTS))
    ]


def told(classifier: TextClassifier, texts: Sequence[str]) -> list[str]:
    """The likeliest class of each."""
    probabilities = classifier.probabilities(texts)
    np.testing.assert_allclose(probabilities.sum(1), 1.0, atol=1e-5)
    return [classifier.classes[at] for at in probabilities.argmax(1)]


class Watched(Toy):
    """Tells what it is tuned on, and how surely it then speaks."""

    def __init__(self, sureness: float = 20.0) -> None:
        super().__init__()
        self.learned: list[tuple[str, int]] = []
        self._sureness = sureness

    def tuned_to_classes(self, texts: Sequence[str], classes: NDArray[np.intp]) -> Tuned:
        self.learned = list(zip(texts, classes.tolist(), strict=True))
        tuned = super().tuned_to_classes(texts, classes)
        return Tuned(weights=tuned.weights, head=self._sureness * tuned.head, bias=tuned.bias)


class Fixed(Watched):
    """Whatever it is tuned on, it finds the second class in each text."""

    def tuned_to_classes(self, texts: Sequence[str], classes: NDArray[np.intp]) -> Tuned:
        tuned = super().tuned_to_classes(texts, classes)
        return Tuned(
            weights=tuned.weights, head=0 * tuned.head, bias=np.array([0, 9, 0], np.float32)
        )


@pytest.fixture(name="many")
def _many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_classifier, "MANY", 24)


def test_a_name_and_a_description_do() -> None:
    described = [
        Example("joke: makes people laugh", "joke", ""),
        Example("memo: tells", "memo", ""),
    ]
    classifier = fitted(described, Toy())
    assert told(classifier, ["a joke that makes me laugh", "memo"]) == ["joke", "memo"]


def test_few_are_learned_without_tuning() -> None:
    encoder = Watched()
    classifier = fitted(examples()[::4], encoder)
    assert not encoder.learned
    assert told(classifier, ["a memo about fog", "an ode about fog"]) == ["memo", "ode"]


@pytest.mark.usefixtures("many")
def test_of_many_whole_sources_are_set_aside() -> None:
    encoder, given = Watched(), examples()
    classifier = fitted(given, encoder)
    learned = {text for text, _ in encoder.learned}
    unseen = [each for each in given if each.text not in learned]
    assert 0 < len(unseen) <= len(given) / 10
    assert not {each.source for each in unseen} & {
        each.source for each in given if each.text in learned
    }
    assert told(classifier, [each.text for each in unseen]) == [each.label for each in unseen]


@pytest.mark.usefixtures("many")
@pytest.mark.parametrize("source", ["label", "one", "halves"])
def test_sources_that_hold_too_much_are_parted(source: str) -> None:
    encoder = Watched()
    given = [
        each._replace(source={"label": each.label, "one": "one", "halves": str(number % 2)}[source])
        for number, each in enumerate(examples())
    ]
    fitted(given, encoder)
    assert 0 < len(given) - len(encoder.learned) <= len(given) / 10


@pytest.mark.usefixtures("many")
def test_rare_classes_are_learned_whole_and_two_classes_do() -> None:
    encoder = Watched()
    alone = [Example(f"a rule {number}", f"rule {number}", "") for number in range(40)]
    classifier = fitted([*alone, *examples()], encoder)
    assert {label for _, label in encoder.learned} == {*range(len(classifier.classes))}
    two = [each for each in examples() if each.label != "ode"]
    assert told(fitted(two, Toy()), ["a joke about fog", "a memo"]) == ["joke", "memo"]


@pytest.mark.usefixtures("many")
def test_what_is_wrong_of_texts_that_were_not_seen_counts_little() -> None:
    texts = ["ode about a storm", "memo about a storm", "joke about a storm"]
    assert told(fitted(examples(), Fixed()), texts) == ["ode", "memo", "joke"]


def test_one_class_is_refused() -> None:
    with pytest.raises(ValueError, match="expected texts of two classes or more, got 1"):
        fitted([Example("a", "one", ""), Example("b", "one", "")], Toy())


@pytest.mark.usefixtures("many")
def test_many_texts_without_a_word_are_refused() -> None:
    texts = [Example("🎂" * number, str(number % 2), "") for number in range(1, 50)]
    with pytest.raises(ValueError, match="empty vocabulary"):
        fitted(texts, Toy())
