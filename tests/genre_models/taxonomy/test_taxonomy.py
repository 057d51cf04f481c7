from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest

from genre_models.taxonomy import Genre, Taxonomy
from schemas.errors import GenreError

SHIPPED = {
    "ad_copy",
    "assistant_reply",
    "brand_slogan",
    "case_analysis",
    "editorial",
    "email",
    "exercise",
    "explanation",
    "game_dialogue",
    "game_plot",
    "glossary",
    "headline",
    "joke",
    "legal",
    "marketing_email",
    "movie_review",
    "news_lead",
    "poetry",
    "political_speech",
    "product_description",
    "product_review",
    "quote",
    "regency_fiction",
    "research_report",
    "restaurant_review",
    "riddle",
    "satirical_definition",
    "scene_description",
    "scientific_abstract",
    "scripture",
    "short_story",
    "sms",
    "social_post",
    "song_poem",
    "sonnet",
    "support_reply",
    "trivia",
    "tweet",
}

HAIKU = Genre("haiku", "verse", "Three short lines.", "Write a haiku.", ("a haiku about rain",))


def test_no_genre_is_ever_taken_away() -> None:
    assert set(Taxonomy.load().genres) >= SHIPPED


def test_every_genre_can_be_learned_from() -> None:
    for genre in Taxonomy.load().genres.values():
        assert len(genre.requests) >= 16 and len(genre.texts) >= 4, genre.id
        assert genre.description.endswith("."), genre.id
        assert 40 <= len(genre.instruction) <= 240, genre.id


def test_no_request_belongs_to_two_genres() -> None:
    taxonomy = Taxonomy.load()
    texts = [request.lower() for genre in taxonomy.genres.values() for request in genre.requests]
    texts += [request.lower() for request in taxonomy.outside]
    assert len(set(texts)) == len(texts)


def test_families_and_genres_agree() -> None:
    taxonomy = Taxonomy.load()
    assert {
        (genre, family) for family, genres in taxonomy.families.items() for genre in genres
    } == {(genre, taxonomy.family_of(genre)) for genre in taxonomy.genres}


def test_a_genre_is_added_to_a_new_taxonomy() -> None:
    before = Taxonomy([Taxonomy.load().genres["sonnet"]])
    after = before.with_genre(HAIKU)
    assert "haiku" in after and "haiku" in after.families["verse"]
    assert "haiku" not in before and before.digest != after.digest
    assert after.with_genre(HAIKU).digest == after.digest


def test_a_known_genre_is_replaced_in_its_place() -> None:
    taxonomy = Taxonomy.load().with_genre(
        replace(Taxonomy.load().genres["joke"], description="A pun.")
    )
    assert list(taxonomy.genres) == list(Taxonomy.load().genres)
    assert taxonomy.genres["joke"].description == "A pun."


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"id": "Haiku"}, "'Haiku'"),
        ({"id": "a" * 65}, "at most 64"),
        ({"id": "haiku\n"}, "haiku"),
        ({"id": "../joke"}, "../joke"),
        ({"family": "so so"}, "'so so'"),
        ({"description": " "}, "description"),
        ({"instruction": ""}, "instruction"),
        ({"requests": ("a", "a")}, "differ"),
        ({"requests": ("a", " ")}, "blank"),
    ],
)
def test_a_genre_that_contradicts_itself_is_refused(
    change: dict[str, object], message: str
) -> None:
    with pytest.raises(GenreError, match=r"got|differ") as caught:
        replace(HAIKU, **change)  # type: ignore[arg-type]
    assert caught.value.code == "genre_invalid" and message in caught.value.message


def test_a_genre_twice_is_refused() -> None:
    with pytest.raises(GenreError, match="got 'haiku' twice"):
        Taxonomy([HAIKU, HAIKU])


def test_the_family_of_an_unknown_genre_is_refused() -> None:
    with pytest.raises(GenreError, match="got 'haiku'"):
        Taxonomy([]).family_of("haiku")


def test_it_is_light() -> None:
    """`recommend` imports it and must not grow by what classify needs."""
    load = "from genre_models.taxonomy import Taxonomy; Taxonomy.load()"
    code = f"{load}; import sys; sys.exit(len({{'torch', 'numpy'}} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
