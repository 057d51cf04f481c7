"""Arms follow the request first, the user's taste second, the seed always."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genre_models.planner import (
    FLOOR,
    MOST_GENRES,
    PlannedArm,
    Wish,
    plan_arms,
    plausible,
    possible_arms,
    prompt_card,
)
from genre_models.preferences.estimator import HierarchicalRegression
from genre_models.preferences.posterior import Posterior, base_prior
from genre_models.preferences.row import UserRow
from genre_models.taxonomy import Taxonomy
from schemas.errors import Rejected
from tests.genre_models.preferences.reactions import GENRES, NOW, liking

ADAPTERS = {"joke": ["joke@0123456789ab", "joke@ba9876543210"], "poetry": ["poetry@0123456789ab"]}
NOBODY = HierarchicalRegression.of(base_prior(), UserRow().moments(NOW)).posterior
EITHER = Wish(classified=(("joke", 0.45), ("poetry", 0.4), ("sms", 0.02)))


def planned(
    wish: Wish = EITHER,
    posterior: Posterior = NOBODY,
    n: int = 4,
    seed: int = 1,
    explore: bool = True,
) -> tuple[PlannedArm, ...]:
    return plan_arms(wish, GENRES, ADAPTERS, posterior, n, seed, explore=explore)


def genres(answer: tuple[PlannedArm, ...]) -> list[str | None]:
    return [planned.arm.genre for planned in answer]


@given(st.integers(0, 2**63 - 1), st.integers(1, 8))
def test_a_seed_gives_one_plan(seed: int, n: int) -> None:
    answer = planned(seed=seed, n=n)
    assert answer == planned(seed=seed, n=n)
    assert len(answer) == n and set(genres(answer)) <= {"joke", "poetry"}
    assert all(FLOOR <= one.propensity <= 1 and one.reason for one in answer)


def test_adapters_belong_to_their_genre_and_every_version_competes() -> None:
    arms = possible_arms(EITHER, GENRES, ADAPTERS)
    assert {arm.adapter for arm in arms if arm.genre == "joke"} == set(ADAPTERS["joke"])
    assert all(arm.adapter is None or arm.adapter.startswith(f"{arm.genre}@") for arm in arms)
    assert len(arms) == 3 * 5


def test_without_an_adapter_the_base_model_writes() -> None:
    assert {
        arm.adapter for arm in possible_arms(Wish(classified=(("sms", 0.9),)), GENRES, ADAPTERS)
    } == {None}


def test_propensities_are_how_often_an_arm_is_drawn() -> None:
    seen: dict[object, list[float]] = {}
    drawn: dict[object, int] = {}
    for seed in range(400):
        for one in planned(seed=seed, n=2):
            seen.setdefault(one.arm, []).append(one.propensity)
            drawn[one.arm] = drawn.get(one.arm, 0) + 1
    for arm, count in drawn.items():
        if count > 80:
            assert np.mean(seen[arm]) == pytest.approx(count / 800, rel=0.25)


@pytest.mark.parametrize(("liked", "other"), [("poetry", "joke"), ("joke", "poetry")])
def test_five_reactions_decide_between_two_genres(liked: str, other: str) -> None:
    posterior = liking(liked, 3, against=other)
    shares = [
        genres(planned(posterior=posterior, seed=seed, n=8)).count(liked) / 8 for seed in range(20)
    ]
    assert np.mean(shares) > 0.95


def test_a_stranger_gets_variety() -> None:
    seen = {(one.arm.genre, one.arm.style) for seed in range(20) for one in planned(seed=seed)}
    assert {genre for genre, _ in seen} == {"joke", "poetry"} and len(seen) >= 6


def test_taste_never_overrules_a_clear_request() -> None:
    clear = Wish(classified=(("sms", 0.95), ("poetry", 0.03)))
    assert set(genres(planned(clear, liking("poetry", 10, against="sms")))) == {"sms"}


def test_a_requested_genre_version_and_style_are_kept() -> None:
    wish = Wish(classified=EITHER.classified, genre="joke@ba9876543210", style="formal")
    answer = planned(wish, liking("poetry", 10, against="joke"))
    assert {(one.arm.genre, one.arm.adapter, one.arm.style) for one in answer} == {
        ("joke", "joke@ba9876543210", "formal")
    }


@pytest.mark.parametrize(
    ("wish", "code"),
    [
        (Wish(classified=(), genre="elegy"), "unknown_genre"),
        (Wish(classified=(), genre="joke@ffffffffffff"), "unknown_adapter"),
        (Wish(classified=(), genre="joke", style="baroque"), "unknown_style"),
    ],
)
def test_what_is_not_known_is_refused(wish: Wish, code: str) -> None:
    with pytest.raises(Rejected) as refused:
        planned(wish)
    assert refused.value.code == code


@pytest.mark.parametrize(("fallback", "family"), [("base", None), ("family", "humour")])
def test_an_uncertain_request_may_go_to_the_family_or_the_base_model(
    fallback: str, family: str | None
) -> None:
    wish = Wish(classified=(("joke", 0.06), ("sms", 0.05)), fallback=fallback, family="humour")
    general = [one.arm for one in planned(wish, n=8) if one.arm.genre is None]
    assert len(general) >= 4 and {(arm.family, arm.adapter) for arm in general} == {(family, None)}


def test_no_genre_at_all_is_answered_by_the_base_model() -> None:
    assert genres(planned(Wish(classified=()))) == [None] * 4


def test_the_kill_switch_takes_the_best_arm_whatever_the_seed() -> None:
    answers = {
        planned(posterior=liking("poetry", 2), seed=seed, explore=False) for seed in range(5)
    }
    (answer,) = answers
    assert set(genres(answer)) == {"poetry"}
    assert {one.propensity for one in answer} == {1.0}


def test_two_liked_genres_of_one_family_are_blended() -> None:
    wish = Wish(classified=(("joke", 0.5), ("riddle", 0.5)))
    adapters = {"joke": ["joke@0123456789ab"], "riddle": ["riddle@0123456789ab"]}
    both = _liking_both()
    blends = [plan_arms(wish, GENRES, adapters, both, 4, seed)[-1].arm.blend for seed in range(10)]
    assert (("joke@0123456789ab", 0.5), ("riddle@0123456789ab", 0.5)) in {
        tuple(sorted(blend)) for blend in blends
    }
    asked = replace(wish, genre="joke")
    for arms in (
        plan_arms(wish, GENRES, adapters, both, 2, 1),
        plan_arms(asked, GENRES, adapters, both, 4, 1),
        plan_arms(wish, GENRES, adapters, NOBODY, 4, 1),
    ):
        assert not any(one.arm.blend for one in arms)


def test_an_arm_has_the_salts_of_its_genres() -> None:
    salted = GENRES | {"riddle": replace(GENRES["riddle"], salt=4031)}
    wish = Wish(classified=(("joke", 0.5), ("riddle", 0.5)))
    arms = possible_arms(wish, salted, ADAPTERS)
    assert {(arm.genre, tuple(arm.salts.items())) for arm in arms} == {
        ("joke", ()),
        ("riddle", (("riddle", 4031),)),
    }
    both = _liking_both({"riddle": 4031})
    adapters = ADAPTERS | {"riddle": ["riddle@0123456789ab"]}
    blends = [plan_arms(wish, salted, adapters, both, 4, seed)[-1].arm for seed in range(10)]
    assert {tuple(arm.salts.items()) for arm in blends if arm.blend} == {(("riddle", 4031),)}


def _liking_both(salts: Mapping[str, int] = {}) -> Posterior:
    from genre_models.preferences.learner import learn_one
    from genre_models.preferences.signals import Kind
    from tests.genre_models.preferences.reactions import shown, signal

    row = UserRow()
    for k in range(12):
        scene = shown(k, ["joke" if k % 2 else "riddle"], salts)
        row = learn_one(row, signal(k + 1, Kind.LIKE, k, 0), scene, NOW).row
    return HierarchicalRegression.of(base_prior(), row.moments(NOW)).posterior


def test_reasons_speak_of_the_user() -> None:
    reasons = [one.reason for one in planned(posterior=liking("poetry", 4, against="joke"))]
    assert any("likes poetry (+" in reason and "40% likely" in reason for reason in reasons)


@given(
    st.lists(
        st.tuples(st.sampled_from("abcdefghij"), st.floats(0, 1)),
        max_size=10,
        unique_by=lambda pair: pair[0],
    )
)
def test_plausible_genres_are_the_most_probable_ones(classified: list[tuple[str, float]]) -> None:
    kept = plausible(classified)
    dropped = [pair for pair in classified if pair not in kept]
    assert len(kept) <= MOST_GENRES
    assert (
        min((p for _, p in kept), default=1.0) >= max((p for _, p in dropped), default=0.0)
        or not kept
    )


def test_the_prompt_card_speaks_of_clear_likes_only() -> None:
    assert prompt_card(NOBODY) == ()
    for line in prompt_card(liking("poetry", 30, against="joke")):
        assert line.startswith("The reader likes ")


SUGGEST = Wish(classified=(), suggests=True)


def test_a_stranger_gets_suggestions_of_many_genres() -> None:
    seen = set()
    for seed in range(5):
        answer = plan_arms(SUGGEST, Taxonomy.load().genres, ADAPTERS, NOBODY, 4, seed)
        assert len(set(genres(answer))) == 4 and None not in genres(answer)
        assert all(FLOOR <= one.propensity <= 1 and one.reason for one in answer)
        seen |= set(genres(answer))
    assert len(seen) > 8


@pytest.mark.parametrize("explore", [True, False])
def test_suggestions_follow_what_is_liked_and_are_never_all_of_one_kind(explore: bool) -> None:
    for seed in range(5):
        answer = Counter(genres(planned(SUGGEST, liking("joke", 5), seed=seed, explore=explore)))
        assert answer["joke"] == 2 and len(answer) == 3


def test_a_suggestion_may_name_its_genre_and_style_and_want_more_texts_than_genres() -> None:
    answer = planned(replace(SUGGEST, classified=(("joke", 1.0),), genre="joke", style="brief"))
    assert {(one.arm.genre, one.arm.style) for one in answer} == {("joke", "brief")}
    two = {id: GENRES[id] for id in ("joke", "poetry")}
    many = plan_arms(SUGGEST, two, {}, NOBODY, 5, 1)
    assert sorted(Counter(genres(many)).values()) == [2, 3]


def test_the_propensity_of_a_suggestion_is_its_chance_after_those_before_it() -> None:
    three = {id: GENRES[id] for id in ("joke", "poetry", "sms")}
    found: Counter[tuple[str | None, ...]] = Counter()
    chances: dict[tuple[str | None, ...], float] = {}
    for seed in range(600):
        pair = plan_arms(replace(SUGGEST, style="plain"), three, {}, NOBODY, 2, seed)
        found[tuple(genres(pair))] += 1
        chances[tuple(genres(pair))] = pair[0].propensity * pair[1].propensity
    assert len(found) == 6
    for order, count in found.items():
        assert chances[order] == pytest.approx(count / 600, abs=0.08)
