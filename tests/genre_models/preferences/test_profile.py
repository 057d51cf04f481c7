"""A profile says what was reacted to, with its uncertainty, and nothing else."""

from __future__ import annotations

from dataclasses import replace

import pytest

from genre_models.preferences.profile import profile, tastes_of
from tests.genre_models.preferences.reactions import GENRES, liking


def test_somebody_new_has_no_preference() -> None:
    nobody = profile(liking("poetry", 0), GENRES, 0)
    assert nobody.likes == nobody.dislikes == ()
    assert str(nobody) == "no clear preference after 0 reactions"


def test_likes_and_dislikes_are_named_with_their_evidence() -> None:
    read = profile(liking("poetry", 4, against="joke"), GENRES, 8)
    assert (read.likes[0].name, read.dislikes[0].name) in {
        (liked, disliked) for liked in ("poetry", "verse") for disliked in ("joke", "humour")
    }
    genres = {taste.name: taste for taste in (*read.likes, *read.dislikes) if taste.kind == "genre"}
    assert set(genres) == {"poetry", "joke"}
    assert genres["poetry"].mean > 0.15 > 0 > genres["joke"].mean
    assert (
        "likes poetry (+" in str(read)
        and "dislikes joke (-" in str(read)
        and "from 4 reactions" in str(read)
    )


@pytest.mark.parametrize("times", [1, 5, 20])
def test_evidence_counts_the_reactions_and_narrows_the_doubt(times: int) -> None:
    tastes = {taste.name: taste for taste in tastes_of(liking("poetry", times), GENRES)}
    assert tastes["poetry"].reactions == pytest.approx(times, rel=0.05)
    assert tastes["poetry"].deviation < tastes["sms"].deviation


def test_a_taste_is_read_at_the_code_that_the_salt_gives() -> None:
    salted = GENRES | {"poetry": replace(GENRES["poetry"], salt=4031)}
    plain, moved = (
        next(taste for taste in tastes_of(liking("poetry", 5), genres) if taste.name == "poetry")
        for genres in (GENRES, salted)
    )
    assert moved.reactions < 0.5 * plain.reactions


def test_a_profile_is_short() -> None:
    assert len(profile(liking("poetry", 4, against="joke"), GENRES, 8, most=1).likes) == 1
