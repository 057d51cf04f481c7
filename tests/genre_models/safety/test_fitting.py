"""What a fitted score tells of requests that it has not seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
import pytest
from numpy.typing import NDArray

from genre_models.safety.fitting import (
    RIDGE,
    _threshold,
    fitted,
    fitted_second,
    fitted_third,
    solved,
)
from genre_models.safety.learned import Floats, Opinion, gaussian, log_odds, probable, unit
from genre_models.safety.words import Unit
from genre_models.tuned import Tuned
from tests.genre_models.safety.toy import AUTHORS, EXAMPLES, Toy


@pytest.mark.parametrize(("by", "landmarks"), [("words", 99), ("words", 15), ("pieces", 99)])
def test_harm_and_its_kind_are_told(
    by: Unit, landmarks: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("genre_models.safety.fitting.LANDMARKS", landmarks)
    toy = fitted(EXAMPLES, [each.text for each in EXAMPLES], Toy().rows, aside=AUTHORS, by=by)
    assert len(toy.rows) == len(toy.alpha) == min(landmarks, len(EXAMPLES))
    bomb, cake, savings = toy.scores(
        ["mix a bomb from fertiliser soon", "mix a cake from flour soon", "steal her savings"],
        Toy().rows,
    )
    assert bomb.probability > 0.8 > 0.3 > cake.probability
    assert (bomb.category, savings.category) == ("weapons", "fraud")


def test_what_is_tuned_learns_nothing_from_the_authors_of_the_threshold(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Of everything, they are asked.
    monkeypatch.setattr(
        "genre_models.safety.second_opinion.Opinion", partial(Opinion, least=-100.0)
    )
    learned: list[tuple[str, int]] = []

    @dataclass
    class Watched(Toy):
        bias: float
        asked: list[str] = field(default_factory=list)

        def tuned(self, texts: Sequence[str], kinds: NDArray[np.intp]) -> Tuned:
            learned.extend(zip(texts, kinds.tolist(), strict=True))
            return replace(super().tuned(texts, kinds), bias=np.full(1, self.bias, np.float32))

    thresholds = []
    for bias in (0.0, 2.0):
        marked = [replace(each, text=f"{each.text} {each.author}") for each in EXAMPLES]
        texts = [each.text for each in marked]
        toy = fitted(marked, texts, Toy().rows, aside=AUTHORS)
        more = replace(marked[0], text="rob a bank", author="three")
        second = fitted_second(
            toy, [*marked, more], [*texts, more.text], Toy().rows, Watched(bias), aside=["two"]
        )
        thresholds.append(log_odds(second.threshold))
    own = {each.text for each in marked if each.author == "one"}
    assert {text for text, _ in learned} == {*own, "rob a bank"}
    assert {kind for text, kind in learned if "bomb" in text} == {1}
    assert {kind for text, kind in learned if "cake" in text} == {-1}
    assert thresholds[1] - thresholds[0] == pytest.approx(2.0, abs=1e-3)


@pytest.mark.parametrize("opinions", [1, 2])
def test_few_texts_that_mean_no_harm_are_as_harmful_as_the_threshold_of_texts(
    opinions: int,
) -> None:
    apart = [f"mix a {number} cake from flour" for number in range(199)] + ["mix a bomb"]
    texts, rows = [each.text for each in EXAMPLES], Toy().rows
    toy, heard = fitted(EXAMPLES, texts, rows, aside=AUTHORS, texts_apart=apart), list[Opinion]()
    if opinions == 2:
        second = fitted_second(toy, EXAMPLES, texts, rows, Toy(), aside=["two"], texts_apart=apart)
        toy, heard = second.after(toy), [second.by(Toy())]
    told = toy.scores(apart, rows, heard, are_requests=False)
    assert [each.is_harmful for each in told[-2:]] == [False, True]
    assert 1 <= sum(each.is_harmful for each in told) <= 0.03 * len(apart)
    asked = toy.scores(apart, rows, heard)
    assert [each.probability for each in asked] == [each.probability for each in told]


def test_the_threshold_beside_all_opinions_is_that_of_authors_set_aside() -> None:
    texts = [each.text for each in EXAMPLES]
    toy, asked = fitted(EXAMPLES, texts, Toy().rows, aside=AUTHORS), list[str]()

    def opinion(texts: Sequence[str]) -> Floats:
        asked.extend(texts)
        return np.full(len(texts), 1.5, np.float32)

    opinions = [Opinion(odds=opinion, least=-100.0)] * 2
    one = fitted_third(toy, opinions[:1], EXAMPLES, texts, aside=["two"])
    both = fitted_third(toy, opinions, EXAMPLES, texts, aside=["two"])
    assert log_odds(both.threshold) - log_odds(one.threshold) == pytest.approx(1.5, abs=1e-3)
    own = [each.text for each in EXAMPLES if each.author == "two"]
    assert asked == 3 * own
    with pytest.raises(ValueError, match="expected examples of three, got those of one, two"):
        fitted_third(toy, opinions, EXAMPLES, texts, aside=["three"])


def test_without_texts_none_is_harmful() -> None:
    texts = [each.text for each in EXAMPLES]
    toy = fitted(EXAMPLES, texts, Toy().rows, aside=AUTHORS)
    told = toy.scores(texts, Toy().rows, are_requests=False)
    assert not any(each.is_harmful for each in told)


def test_authors_that_are_set_aside_are_there() -> None:
    texts = [each.text for each in EXAMPLES]
    toy = fitted(EXAMPLES, texts, Toy().rows, aside=AUTHORS)
    with pytest.raises(ValueError, match="expected examples of eighth, got those of one, two"):
        fitted_second(toy, EXAMPLES, texts, Toy().rows, Toy(), aside=["two", "eighth"])
    with pytest.raises(ValueError, match="expected look-alikes to set the threshold on, got none"):
        fitted_second(
            toy, EXAMPLES, texts, Toy().rows, Toy(), aside=["two"], is_own=lambda _: False
        )


@pytest.mark.parametrize("step", [1, 3])
def test_each_author_is_told_by_a_fit_of_the_others(step: int) -> None:
    chance = np.random.default_rng(0)
    rows = unit(chance.normal(size=(30, 8)).astype(np.float32))
    targets = chance.normal(size=(30, 2)).astype(np.float32)
    places = np.arange(0, 30, step)
    authors = [f"author {each % 4}" for each in range(30)]
    kernel, between = gaussian(rows, rows[places]), gaussian(rows[places], rows[places])
    alpha, values = solved(kernel.copy(), places, targets, authors)

    def regressed(some: NDArray[np.bool_]) -> Floats:
        normal = kernel[some].T @ kernel[some] + RIDGE * between
        weights: Floats = np.linalg.solve(normal, kernel[some].T @ targets[some])
        return weights

    everybody = np.ones(30, np.bool_)
    assert np.allclose(kernel @ alpha, kernel @ regressed(everybody), atol=0.01)
    own = np.array(authors) == "author 1"
    assert np.allclose(values[own], kernel[own] @ regressed(~own), atol=0.01)
    assert not np.allclose(values[own], kernel[own] @ alpha, atol=0.1)


def test_the_threshold_is_that_of_the_author_in_the_middle() -> None:
    examples = [
        replace(each, text=f"{number}", author=author, is_harmful=False)
        for author in ("mild", "middle", "pairs")
        for number, each in enumerate(EXAMPLES[:10])
    ]
    odds = np.repeat([-3.0, -1.0, 5.0], 10).astype(np.float32)
    assert _threshold(odds, examples) == probable(-1.0)


def test_the_threshold_of_a_regression_is_that_of_authors_set_aside() -> None:
    hard = [
        replace(each, text=each.text.replace("cake", "bomb")) if each.author == "two" else each
        for each in EXAMPLES
    ]
    texts = [each.text for each in hard]
    one, two = (fitted(hard, texts, Toy().rows, aside=[author]) for author in ("one", "two"))
    assert one.threshold < two.threshold
    with pytest.raises(ValueError, match="expected examples of three, got those of one, two"):
        fitted(hard, texts, Toy().rows, aside=["one", "three"])
