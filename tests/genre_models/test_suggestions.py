"""What is asked where nobody asked: about what the user liked, else what a genre's examples say."""

from __future__ import annotations

import pytest

from genre_models.suggestions import (
    MOST_TOPICS,
    Liked,
    suggested,
    topic_of,
    topics_of,
)
from genre_models.taxonomy import Taxonomy

GENRES = Taxonomy.load().genres
JOKE, POETRY, AD = GENRES["joke"], GENRES["poetry"], GENRES["ad_copy"]


@pytest.mark.parametrize(
    ("prompt", "topic"),
    [
        ("a joke about dentists", "dentists"),
        ("Tell me a joke about cats, please.", "cats"),
        ("some verses on loneliness", "loneliness"),
        ("dad joke, theme: vegetables", "vegetables"),
        ("glossary entry: photosynthesis", "photosynthesis"),
        ("A poem ABOUT rain. Make it sad!", "rain"),
        ("make me laugh", None),
        ("ein Witz über Zahnärzte", None),
        ("a joke about", None),
        ("a joke about ???", None),
    ],
)
def test_a_request_may_say_what_it_is_about(prompt: str, topic: str | None) -> None:
    assert topic_of(prompt) == topic


def test_a_topic_is_a_phrase_never_a_piece_of_a_word() -> None:
    found = topic_of("a joke about " + "gardening " * 20)
    assert found is not None and len(found) <= 80 and set(found.split()) == {"gardening"}


def test_topics_of_a_context_are_told_from_what_else_it_says() -> None:
    assert topics_of(None) == topics_of({"locale": "en", "channel": "mail"}) == ()
    assert topics_of({"tags": "tea; tea ,, ", "season": "autumn"}) == ("tea", "autumn")
    assert len(topics_of({"topics": ",".join(map(str, range(99)))})) == MOST_TOPICS


def test_a_stranger_gets_the_genres_own_examples() -> None:
    for explore in (True, False):
        for each, genre in zip(
            suggested([JOKE, POETRY], (), (), 7, explore), (JOKE, POETRY), strict=True
        ):
            assert each.prompt in genre.requests


def test_what_was_liked_is_asked_again_or_carried_to_another_genre() -> None:
    liked = [Liked("a joke about dentists", "joke"), Liked("cheer me up", "joke")]
    again, other, open_one = suggested([JOKE, POETRY, AD], liked, (), 7, False)
    assert again.prompt == "a joke about dentists"
    # the other one names no topic, and each serves once
    assert other.prompt in POETRY.requests and open_one.prompt in AD.requests
    (carried,) = suggested([AD], liked, (), 7, False)
    assert carried.prompt == "Write an ad copy about dentists."
    assert "liked" in again.why and "liked" in carried.why and "to try" in other.why


def test_topics_of_the_context_serve_as_often_as_needed() -> None:
    for explore in (True, False):
        found = suggested([JOKE, POETRY, AD], (), ["tea"], 7, explore)
        assert [each.prompt.rpartition(" ")[2] for each in found] == ["tea."] * 3


def test_chance_decides_among_what_is_liked_and_looks_beyond_it() -> None:
    liked = [Liked(f"a joke about topic{k}", "joke") for k in range(4)]
    found = [suggested([JOKE], liked, (), seed, True)[0] for seed in range(60)]
    assert {each.prompt for each in found} > {each.prompt for each in liked}
    assert {suggested([JOKE], liked, (), seed, False)[0].prompt for seed in range(9)} == {
        "a joke about topic0"
    }
    assert suggested([JOKE], liked, (), 3, True) == suggested([JOKE], liked, (), 3, True)
