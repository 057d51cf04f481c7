"""What a fitted score tells of requests that it has not seen."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from genre_models.safety.fitting import RIDGE, _threshold, fitted, solved
from genre_models.safety.words import Unit
from tests.genre_models.safety.toy import EXAMPLES, Toy


@pytest.mark.parametrize("by", ["words", "pieces"])
def test_harm_and_its_kind_are_told(by: Unit) -> None:
    toy = fitted(EXAMPLES, [each.text for each in EXAMPLES], Toy().rows, by=by)
    bomb, cake, savings = toy.scores(
        ["mix a bomb from fertiliser soon", "mix a cake from flour soon", "steal her savings"],
        Toy().rows,
    )
    assert bomb.probability > 0.8 > 0.3 > cake.probability
    assert (bomb.category, savings.category) == ("weapons", "fraud")


def test_each_author_is_told_by_a_fit_of_the_others() -> None:
    chance = np.random.default_rng(0)
    rows = chance.normal(size=(30, 8)).astype(np.float32)
    kernel, targets = rows @ rows.T, chance.normal(size=(30, 2)).astype(np.float32)
    authors = [f"author {each % 3}" for each in range(30)]
    alpha, values = solved(kernel.copy(), targets, authors)
    ridge = RIDGE * np.eye(30)
    assert np.allclose((kernel + ridge) @ alpha, targets, atol=1e-3)
    own = np.array(authors) == "author 1"
    others = np.linalg.solve((kernel + ridge)[np.ix_(~own, ~own)], targets[~own])
    assert np.allclose(values[own], kernel[np.ix_(own, ~own)] @ others, atol=1e-3)


def test_the_threshold_is_that_of_the_author_in_the_middle() -> None:
    examples = [
        replace(each, text=f"{number}", author=author, is_harmful=False)
        for author in ("mild", "middle", "pairs")
        for number, each in enumerate(EXAMPLES[:10])
    ]
    odds = np.repeat([-3.0, -1.0, 5.0], 10).astype(np.float32)
    assert _threshold(odds, examples) == -1.0
