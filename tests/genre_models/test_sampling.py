"""Length and sampling: what was asked, else the genre's, else usual."""

from __future__ import annotations

import pytest

from genre_models.sampling import USUAL, asked_of, in_numbers, resolved
from schemas.parts import SamplingParameters
from schemas.requests import GenerationRequest

STORY = SamplingParameters(usual_tokens=260, max_tokens=380, temperature=0.75)


@pytest.mark.parametrize(
    ("asked", "usual", "most"),
    [(None, 260, 380), (190, 130, 190), (512, 260, 512), (1, 1, 1)],
)
def test_a_text_is_as_long_as_its_genres_unless_asked_otherwise(
    asked: int | None, usual: int, most: int
) -> None:
    found = resolved(SamplingParameters(max_tokens=asked), STORY)
    assert (found.usual_tokens, found.max_tokens) == (usual, most)


def test_what_is_asked_goes_before_the_genre_and_nought_is_something() -> None:
    found = resolved(SamplingParameters(temperature=0.0, min_p=0.0), STORY)
    assert (found.temperature, found.min_p, found.top_p) == (0.0, 0.0, USUAL.top_p)
    assert resolved(SamplingParameters(), SamplingParameters()) == USUAL


def test_a_genre_that_is_short_is_usually_no_longer_than_at_most() -> None:
    assert resolved(SamplingParameters(), SamplingParameters(max_tokens=20)).usual_tokens == 20


def test_a_request_in_numbers_says_everything() -> None:
    request = GenerationRequest(user_id="ada", prompt="p", top_p=0.5)
    assert asked_of(request) == SamplingParameters(top_p=0.5)
    told = in_numbers(request, resolved(asked_of(request), STORY))
    assert (told.max_tokens, told.temperature, told.top_p) == (380, 0.75, 0.5)
    assert (told.min_p, told.repetition_penalty) == (USUAL.min_p, USUAL.repetition_penalty)
