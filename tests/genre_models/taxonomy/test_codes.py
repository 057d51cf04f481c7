"""Any name can become a genre: its code keeps away from all others, and theirs stay as they are."""

from __future__ import annotations

import string
from dataclasses import replace
from hashlib import blake2b

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genre_models.preferences.features import genre_code
from genre_models.taxonomy import Genre, Taxonomy, codes
from genre_models.taxonomy.codes import NEAR, SALT, allot, code, nearness
from schemas.errors import Rejected

SHIPPED = {genre.id: genre.salt for genre in Taxonomy.load().genres.values()}
FIRST = (
    "ad_copy", "assistant_reply", "brand_slogan", "case_analysis", "editorial", "email",
    "exercise", "explanation", "game_dialogue", "game_plot", "glossary", "headline", "joke",
    "legal", "marketing_email", "movie_review", "news_lead", "poetry", "political_speech",
    "product_description", "product_review", "quote", "regency_fiction", "research_report",
    "restaurant_review", "riddle", "satirical_definition", "scene_description",
    "scientific_abstract", "scripture", "short_story", "sms", "social_post", "song_poem",
    "sonnet", "support_reply", "trivia", "tweet",
)  # fmt: skip
PLAUSIBLE = (
    "anecdote", "aphorism", "apology", "ballad", "biography", "birthday_card", "blog_post",
    "book_review", "business_plan", "children_story", "comic_script", "complaint", "condolence",
    "cover_letter", "diary_entry", "elegy", "epigram", "essay", "eulogy", "fable", "fairy_tale",
    "faq", "folk_song", "ghost_story", "haiku", "horoscope", "interview", "invitation",
    "job_posting", "lecture_notes", "letter", "limerick", "love_letter", "lullaby", "manifesto",
    "meeting_minutes", "memo", "menu", "monologue", "myth", "newsletter", "obituary", "parable",
    "podcast_script", "press_release", "prayer", "proverb", "recipe", "travel_guide", "tutorial",
)  # fmt: skip

names = st.text(string.ascii_lowercase + string.digits + "_", min_size=1, max_size=64).filter(
    lambda name: name[0] != "_"
)


def grown(*names: str) -> dict[str, int]:
    """The salts after genres have come one by one."""
    salts = dict(SHIPPED)
    for name in names:
        salts[name] = allot(name, salts)
    return salts


def largest(salts: dict[str, int]) -> float:
    """The largest nearness of two genres, as the features have it."""
    stacked = np.stack([genre_code(name, salt=salt) for name, salt in salts.items()])
    return float(np.triu(np.abs(stacked @ stacked.T), 1).max())


def test_the_codes_that_users_rows_were_learned_with_stay() -> None:
    bits = b"".join(genre_code(name, salt=SHIPPED[name]).tobytes() for name in FIRST)
    assert blake2b(bits, digest_size=8).hexdigest() == "4f4cd3d1f18ea1a0"


def test_shipped_genres_stay_apart() -> None:
    assert largest(SHIPPED) < NEAR


@pytest.mark.parametrize("name", PLAUSIBLE)
def test_a_plausible_genre_can_be_added(name: str) -> None:
    taxonomy = Taxonomy.load().with_genre(_genre(name, grown(name)[name]))
    taxonomy.check_codes()


def test_fifty_plausible_genres_and_three_hundred_others_fit_together() -> None:
    assert len(set(PLAUSIBLE)) == 50
    salts = grown(*PLAUSIBLE, *(f"genre_{number}" for number in range(300)))
    assert largest(salts) < NEAR
    assert salts.items() >= SHIPPED.items()


@given(names, st.lists(names, max_size=5))
def test_a_genre_keeps_its_salt_whoever_comes_later(name: str, others: list[str]) -> None:
    salts = grown(name)
    assert allot(name, salts | grown(name, *others)) == salts[name]


def test_where_no_salt_keeps_apart_the_best_one_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codes, "NEAR", 0.05)
    monkeypatch.setattr(codes, "_TRIES", 20)
    near = {
        salt: max(nearness(code("haiku", salt), code(*other)) for other in SHIPPED.items())
        for salt in range(SALT, SALT + 20)
    }
    assert allot("haiku", SHIPPED) == min(near, key=lambda salt: near[salt])


def test_a_shipped_genre_that_is_too_near_another_is_told_its_salt() -> None:
    near = next(name for name in PLAUSIBLE if grown(name)[name] != SALT)
    taxonomy = Taxonomy.load().with_genre(_genre(near, SALT))
    with pytest.raises(Rejected, match=f"got 0.* and '{near}'.*one's table the line") as refused:
        taxonomy.check_codes()
    assert refused.value.code == "genre_invalid" and "\n" not in refused.value.message
    told = f"`salt = {grown(near)[near]}` ([{near}] in verse.toml)"
    assert told in refused.value.message
    taxonomy.with_genre(_genre(near, grown(near)[near])).check_codes()


def test_loading_checks_the_codes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("genre_models.taxonomy.taxonomy.NEAR", 0.5)
    with pytest.raises(Rejected, match=r"cosines below 0\.5, got 0\.5"):
        Taxonomy.load.__wrapped__()


@pytest.mark.parametrize("salt", [-1, "4031", 4031.0, True])
def test_a_salt_is_a_number(salt: object) -> None:
    with pytest.raises(Rejected, match="salt of genre 'haiku'"):
        replace(_genre("haiku", SALT), salt=salt)  # type: ignore[arg-type]


def _genre(name: str, salt: int) -> Genre:
    return Genre(name, "verse", f"A {name}.", f"Write a {name}.", (), salt=salt)
