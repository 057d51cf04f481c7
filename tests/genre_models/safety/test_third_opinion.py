"""A third opinion: where it is asked, and how its threshold is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from genre_models.safety.fitting import fitted
from genre_models.safety.learned import Floats, Learned, add_opinions
from genre_models.safety.third_opinion import ThirdOpinion, near
from schemas.errors import ModelError
from tests.genre_models.safety.toy import AUTHORS, EXAMPLES, Toy


def test_what_is_saved_is_read_again() -> None:
    third = ThirdOpinion(threshold=0.75)
    assert ThirdOpinion.from_bytes(third.to_bytes()) == third


@pytest.mark.parametrize(
    "data", [b"", b"{}", b"PK\x03\x04", b'{"threshold": 1.5}', b'{"threshold": null}', b"\xff"]
)
def test_what_is_no_threshold_is_refused(data: bytes) -> None:
    with pytest.raises(ModelError, match=r"expected a fitted score, got .*: fit it again"):
        ThirdOpinion.from_bytes(data)


@pytest.fixture(name="toy")
def _toy() -> Learned:
    toy = fitted(EXAMPLES, [each.text for each in EXAMPLES], Toy().rows, aside=AUTHORS)
    return replace(toy, threshold=0.9, text_threshold=0.8)


def test_it_is_asked_near_the_threshold_without_it(toy: Learned) -> None:
    asked: list[str] = []

    def ask(texts: Sequence[str]) -> Floats:
        asked.extend(texts)
        return np.zeros(len(texts), np.float32)

    shifts = {"below": -3.1, "less": -2.9, "more": 2.9, "above": 3.1}
    odds = np.array(list(shifts.values()), np.float32) + np.log(9).astype(np.float32)
    add_opinions([near(toy, ask)], odds, list(shifts))
    assert asked == ["less", "more"]


def test_harm_at_the_end_of_a_long_part_is_read(toy: Learned) -> None:
    """The encoder that is asked reads 400 characters."""
    asked: list[str] = []

    def ask(texts: Sequence[str]) -> Floats:
        asked.extend(texts)
        return np.array([2.0 if "bomb" in text else -2.0 for text in texts], np.float32)

    texts = [
        "mix a cake from flour, " * 19 + "then mix a bomb",
        "mix a bomb",
        "mix a cake, " * 50,
        "",
        "x" * 900,
    ]
    assert near(toy, ask).odds(texts).tolist() == [2.0, 2.0, -2.0, -2.0, -2.0]
    assert max(map(len, asked)) <= 400 and "".join(asked) == "".join(texts)


def test_it_has_a_threshold_for_requests(toy: Learned) -> None:
    after = ThirdOpinion(threshold=0.7).after(toy)
    assert (after.threshold, after.text_threshold) == (0.7, 0.8)
