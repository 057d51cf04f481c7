"""A second opinion: how it is kept, and what of it is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from genre_models.encoder import DIMENSION
from genre_models.safety.fitting import fitted, fitted_second
from genre_models.safety.second_opinion import SecondOpinion
from genre_models.tuned import Tuned
from schemas.errors import ModelError
from tests.genre_models.safety.toy import AUTHORS, EXAMPLES, Toy


@pytest.fixture(name="second")
def _second() -> SecondOpinion:
    texts, rows = [each.text for each in EXAMPLES], Toy().rows
    toy = fitted(EXAMPLES, texts, rows, aside=AUTHORS)
    return fitted_second(
        toy, EXAMPLES, texts, rows, Toy(), aside=["two"], texts_apart=["mix a cake"] * 3
    )


def test_what_is_saved_is_read_again(second: SecondOpinion) -> None:
    read = SecondOpinion.from_bytes(second.to_bytes())
    assert (read.threshold, read.text_threshold) == (second.threshold, second.text_threshold)
    texts = [each.text for each in EXAMPLES]
    assert np.allclose(read.by(Toy()).odds(texts), second.by(Toy()).odds(texts))
    assert read.tuned.weights.keys() == second.tuned.weights.keys()


def test_a_copy_of_the_encoder_is_asked(second: SecondOpinion) -> None:
    encoder = Toy()
    odds = second.by(encoder).odds(["mix a bomb", "mix a cake"])
    assert encoder.other is not None and encoder.other.asked == ["mix a bomb", "mix a cake"]
    assert not encoder.asked and odds[0] > odds[1]


def test_what_was_tuned_on_another_encoder_is_refused(second: SecondOpinion) -> None:
    other = replace(second, tuned=replace(second.tuned, weights={"layer": np.ones(1, np.float32)}))
    with pytest.raises(ModelError, match=r"expected a fitted score, got .*: fit it again"):
        other.by(Toy())


def test_damaged_weights_are_refused_or_read(second: SecondOpinion) -> None:
    """Nothing else is raised, whichever byte is wrong."""
    whole = second.to_bytes()
    chance = np.random.default_rng(0)
    refused = 0
    for place in chance.integers(len(whole), size=400):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << chance.integers(8)
        try:
            SecondOpinion.from_bytes(bytes(damaged))
        except ModelError:
            refused += 1
    assert refused > 100


def test_an_opinion_that_is_no_number_is_refused(second: SecondOpinion) -> None:
    tuned = Tuned(
        weights={}, head=np.full((DIMENSION, 1), np.nan, np.float32), bias=np.zeros(1, np.float32)
    )
    with pytest.raises(ModelError, match="expected finite numbers"):
        SecondOpinion.from_bytes(replace(second, tuned=tuned).to_bytes())
    for threshold in (np.nan, 2.0):
        with pytest.raises(ModelError, match="expected thresholds, got"):
            SecondOpinion.from_bytes(replace(second, threshold=threshold).to_bytes())
    short = replace(tuned, head=tuned.head[:2])
    with pytest.raises(ModelError, match="expected a head of 385 numbers, got \\(3,\\)"):
        SecondOpinion.from_bytes(replace(second, tuned=short).to_bytes())
