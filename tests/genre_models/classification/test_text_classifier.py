from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import product

import numpy as np
import pytest
from numpy.typing import NDArray

from genre_models.classification import text_classifier
from genre_models.classification.examples import Example
from genre_models.classification.text_classifier import TextClassifier, fitted
from genre_models.encoder import DIMENSION, LAYERS
from genre_models.tuned import Tuned
from schemas.errors import Rejected
from tests.genre_models.safety.toy import Toy

_SUBJECTS = ("ferry", "lantern", "orchard", "parrot", "violin", "glacier", "saddle", "kitchen")


def examples() -> list[Example]:
    """192 of three classes that a word tells, of 40 sources."""
    return [
        Example(f"{form} about a {one} and a {other}", form, f"author {number % 40}")
        for form in ("ode", "memo", "joke")
        for number, (one, other) in enumerate(product(_SUBJECTS, _SUBJECTS))
    ]


def odd_words(classes: int) -> list[Example]:
    """300 texts of which no two share a word; the first letter tells the class."""
    return [
        Example(f"{'abcdef'[number % classes]}{number:04}", f"class {number % classes}", "")
        for number in range(300)
    ]


def told(classifier: TextClassifier, texts: Sequence[str]) -> list[str]:
    """The likeliest class of each."""
    probabilities = classifier.probabilities(texts)
    np.testing.assert_allclose(probabilities.sum(1), 1.0, atol=1e-5)
    return [classifier.classes[at] for at in probabilities.argmax(1)]


class Watched(Toy):
    """Tells what it is tuned on."""

    def __init__(self) -> None:
        super().__init__()
        self.learned: list[tuple[str, int]] = []

    def tuned_to_classes(self, texts: Sequence[str], classes: NDArray[np.intp]) -> Tuned:
        self.learned = list(zip(texts, classes.tolist(), strict=True))
        return super().tuned_to_classes(texts, classes)


class Fixed(Watched):
    """Whatever it is tuned on, it says of every class but the second what it says of no text."""

    def __init__(self, second: float) -> None:
        super().__init__()
        self._second = second

    def tuned_to_classes(self, texts: Sequence[str], classes: NDArray[np.intp]) -> Tuned:
        tuned = super().tuned_to_classes(texts, classes)
        bias = np.zeros(tuned.head.shape[1], np.float32)
        bias[1] = self._second
        return Tuned(weights=tuned.weights, head=0 * tuned.head, bias=bias)


class Initials(Watched):
    """Once it is tuned it tells texts by their first letter; as it was it tells nothing."""

    def with_weights(self, weights: Mapping[str, NDArray[np.float32]]) -> Toy:
        return _Knowing()

    def tuned_to_classes(self, texts: Sequence[str], classes: NDArray[np.intp]) -> Tuned:
        tuned = super().tuned_to_classes(texts, classes)
        head = np.zeros((DIMENSION, classes.max() + 1), np.float32)
        head[: classes.max() + 1] = 5 * np.eye(classes.max() + 1)
        return Tuned(weights=tuned.weights, head=head, bias=np.zeros(head.shape[1], np.float32))


class _Knowing(Toy):
    def layers(self, texts: Sequence[str]) -> NDArray[np.float32]:
        rows = np.zeros((len(texts), LAYERS, DIMENSION), np.float32)
        rows[np.arange(len(texts)), :, ["abcdef".index(text[0]) for text in texts]] = 1
        return rows


@pytest.fixture(name="many")
def _many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_classifier, "MANY", len(examples()))


def test_a_name_and_a_description_do() -> None:
    described = [
        Example("joke: makes people laugh", "joke", ""),
        Example("memo: tells", "memo", ""),
    ]
    classifier = fitted(described, Toy())
    assert told(classifier, ["a joke that makes me laugh", "memo"]) == ["joke", "memo"]


@pytest.mark.usefixtures("many")
def test_few_are_learned_without_tuning() -> None:
    encoder = Watched()
    classifier = fitted(examples()[:-1], encoder)
    assert not encoder.learned
    assert told(classifier, ["a memo about fog", "an ode about fog"]) == ["memo", "ode"]
    fitted(examples(), encoder)
    assert encoder.learned


@pytest.mark.usefixtures("many")
def test_of_many_whole_sources_are_held_out(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    fitted_svm = text_classifier._fitted_svm

    def watched(texts: Sequence[str], labels: NDArray[np.intp]) -> object:
        sizes.append(len(texts))
        return fitted_svm(texts, labels)

    monkeypatch.setattr(text_classifier, "_fitted_svm", watched)
    encoder, given = Watched(), examples()
    classifier = fitted(given, encoder)
    learned = {text for text, _ in encoder.learned}
    unseen = [each for each in given if each.text not in learned]
    assert len(given) / 20 < len(unseen) <= len(given) / 10
    assert sorted(sizes) == [len(learned), len(given)]
    assert not {each.source for each in unseen} & {
        each.source for each in given if each.text in learned
    }
    assert told(classifier, [each.text for each in unseen]) == [each.label for each in unseen]


@pytest.mark.usefixtures("many")
@pytest.mark.parametrize("source", ["label", "one", "halves", "one and a rest"])
def test_sources_that_are_too_large_are_parted(source: str) -> None:
    encoder = Watched()
    given = [
        each._replace(
            source={
                "label": each.label,
                "one": "one",
                "halves": str(number % 2),
                "one and a rest": str(min(number % 48, 2)),
            }[source]
        )
        for number, each in enumerate(examples())
    ]
    fitted(given, encoder)
    assert len(given) / 20 <= len(given) - len(encoder.learned) <= len(given) / 10


@pytest.mark.usefixtures("many")
def test_nothing_of_a_rare_class_is_held_out() -> None:
    encoder = Watched()
    rare = [Example(f"a rule {number}", "rule", "") for number in range(18)]
    fitted([*rare, *examples()], encoder)
    assert Counter(label for _, label in encoder.learned)[3] == 18
    assert len(encoder.learned) < len(examples()) + 18


@pytest.mark.usefixtures("many")
def test_where_every_class_is_rare_the_linear_head_is_learned() -> None:
    encoder = Watched()
    rare = [Example(f"rule{number % 15} a{number}", f"{number % 15}", "") for number in range(225)]
    classifier = fitted(rare, encoder)
    assert not encoder.learned and told(classifier, ["rule7 and"]) == ["7"]


@pytest.mark.usefixtures("many")
def test_layers_are_tuned_on_a_share_of_very_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_classifier, "_TUNED", 60)
    encoder = Watched()
    fitted([Example("a rule", "rule", ""), *examples()], encoder)
    counts = Counter(label for _, label in encoder.learned)
    assert counts[3] == 1 and all(14 <= counts[label] <= 22 for label in range(3))


@pytest.mark.usefixtures("many")
@pytest.mark.parametrize("classes", [2, 3])
def test_what_is_tuned_counts_where_no_word_is_known(classes: int) -> None:
    classifier = fitted(odd_words(classes), Initials())
    texts = [f"{letter} other" for letter in "abcdef"[:classes]]
    assert told(classifier, texts) == [f"class {each}" for each in range(classes)]
    assert classifier.probabilities(texts).max(1).min() > 0.9


@pytest.mark.usefixtures("many")
@pytest.mark.parametrize("forms", [("ode", "memo", "joke"), ("memo", "joke")])
@pytest.mark.parametrize("second", [0.0, 9.0])
def test_words_count_where_what_is_tuned_says_nothing_of_use(
    forms: tuple[str, ...], second: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text_classifier, "MANY", 100)
    classifier = fitted([each for each in examples() if each.label in forms], Fixed(second))
    assert told(classifier, [f"{form} about a storm" for form in forms]) == list(forms)


@pytest.mark.usefixtures("many")
def test_who_knows_nothing_is_not_sure() -> None:
    """However well the machine remembers what it has learned from."""
    classifier = fitted(odd_words(3), Fixed(9.0))
    assert classifier.probabilities([each.text for each in odd_words(3)]).max() < 0.5


def test_one_class_is_refused() -> None:
    with pytest.raises(Rejected, match="two labels or more, got 1"):
        fitted([Example("a", "one", ""), Example("b", "one", "")], Toy())


@pytest.mark.usefixtures("many")
def test_many_texts_without_a_word_are_refused_before_anything_is_tuned() -> None:
    encoder = Watched()
    texts = [Example("🎂" * number, str(number % 2), "") for number in range(1, 200)]
    with pytest.raises(Rejected, match="texts with words, got none"):
        fitted(texts, encoder)
    assert not encoder.learned
