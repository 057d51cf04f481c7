"""A genre that contradicts itself is refused, with what to mend."""

from __future__ import annotations

from typing import Any

import pytest

from genre_models.endings import ANY
from genre_models.sampling import USUAL
from genre_models.taxonomy import Genre, Taxonomy
from genre_models.taxonomy.taxonomy import _genre
from schemas.errors import Rejected
from schemas.parts import SamplingParameters

TABLE = {"description": "Three lines.", "instruction": "Write a haiku.", "requests": ["haiku"]}


def made(**table: Any) -> Genre:
    return _genre("haiku", "verse", TABLE | table)


def test_length_sampling_and_ending_are_optional() -> None:
    assert (made().sampling, made().ending) == (SamplingParameters(), ANY)
    assert (
        Genre(id="a", family="b", description="c", instruction="d", requests=()).sampling == USUAL
    )
    haiku = made(sampling={"usual_tokens": 20, "max_tokens": 40}, ending={"unit": "line"})
    assert (haiku.sampling.max_tokens, haiku.ending.unit) == (40, "line")


@pytest.mark.parametrize(
    "table",
    [
        {"sampling": {"usual_tokens": 50, "max_tokens": 40}},
        {"sampling": {"max_tokens": 513}},
        {"sampling": {"temperature": 2.5}},
        {"sampling": {"heat": 0.5}},
        {"ending": {"unit": "stanza"}},
        {"colour": "red"},
    ],
)
def test_what_no_genre_has_is_refused(table: dict[str, Any]) -> None:
    with pytest.raises(Rejected, match="'haiku'") as refusal:
        made(**table)
    assert refusal.value.code == "genre_invalid"


def test_every_shipped_genre_has_a_length() -> None:
    lengths = [genre.sampling for genre in Taxonomy.load().genres.values()]
    assert all(each.usual_tokens and each.max_tokens for each in lengths)
