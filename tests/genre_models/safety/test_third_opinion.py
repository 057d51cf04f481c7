"""A third opinion: where it is asked, and how its threshold is kept."""

from __future__ import annotations

from dataclasses import replace

import pytest

from genre_models.safety.fitting import fitted
from genre_models.safety.learned import Floats, Opinion, log_odds
from genre_models.safety.third_opinion import NEAR, ThirdOpinion, near
from schemas.errors import ModelError
from tests.genre_models.safety.toy import EXAMPLES, Toy


def test_what_is_saved_is_read_again() -> None:
    third = ThirdOpinion(threshold=0.75)
    assert ThirdOpinion.from_bytes(third.to_bytes()) == third


@pytest.mark.parametrize(
    "data", [b"", b"{}", b"PK\x03\x04", b'{"threshold": 1.5}', b'{"threshold": null}', b"\xff"]
)
def test_what_is_no_threshold_is_refused(data: bytes) -> None:
    with pytest.raises(ModelError, match=r"expected a fitted score, got .*: fit it again"):
        ThirdOpinion.from_bytes(data)


def test_it_is_asked_near_the_threshold_without_it_and_has_one_for_requests() -> None:
    toy = fitted(EXAMPLES, [each.text for each in EXAMPLES], Toy().rows)
    toy = replace(toy, threshold=0.9, text_threshold=0.8)

    def odds(_: object) -> Floats:
        raise AssertionError("expected no question")

    asked = near(toy, Opinion(odds=odds))
    assert (asked.least, asked.most) == (log_odds(0.9) - NEAR, log_odds(0.9) + NEAR)
    after = ThirdOpinion(threshold=0.7).after(toy)
    assert (after.threshold, after.text_threshold) == (0.7, 0.8)
