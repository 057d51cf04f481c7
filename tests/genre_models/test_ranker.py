"""Safe first, taste and quality next, chance as declared, and everything from the seed."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genre_models.preferences.estimator import HierarchicalRegression
from genre_models.preferences.features import BLOCKS, Arm
from genre_models.preferences.learner import Shown, learn_one
from genre_models.preferences.posterior import base_prior
from genre_models.preferences.row import UserRow
from genre_models.preferences.signals import Kind
from genre_models.ranker import (
    IGW_SHARE,
    SWAP_SHARE,
    Candidate,
    Ranked,
    Ranking,
    inverse_gap_weights,
    rank_candidates,
)
from tests.genre_models.preferences.reactions import FAMILIES, NOW, liking, signal

NOBODY = HierarchicalRegression.of(base_prior(), UserRow().moments(NOW)).posterior
TEXTS = {
    "joke": "Why did the duck cross the pond? To get to the other tide.",
    "poetry": "The silver river hums beneath the dusk, and carries all our names away.",
    "sms": "Running ten minutes late, please start without me.",
    "riddle": "What has a neck but no head, and wears a cap? A bottle.",
}


def candidates(*genres: str, **changes: object) -> list[Candidate]:
    return [
        Candidate(
            index=index,
            arm=Arm(genre=genre, family=FAMILIES[genre], probability=0.5),
            text=TEXTS[genre],
            text_probability=0.8 - index / 100,
            model_score=-2.2,
            **changes,  # type: ignore[arg-type]
        )
        for index, genre in enumerate(genres)
    ]


ALL = candidates(*TEXTS)


def order(ranking: Ranking) -> list[int]:
    return [one.index for one in ranking.ranked]


@given(st.integers(0, 2**63 - 1), st.booleans())
def test_what_breaks_off_is_never_above_a_whole_text(seed: int, explore: bool) -> None:
    # the liked and better ones break off
    cut = [replace(one, is_cut=one.index < 2) for one in ALL]
    ranking = rank_candidates(cut, liking("joke", 6), seed, explore)
    assert set(order(ranking)[:2]) == {2, 3} and set(order(ranking)[2:]) == {0, 1}
    chances = {one.index: one.propensity for one in ranking.ranked}
    assert chances[0] == chances[1] == 0.0 and chances[2] + chances[3] == pytest.approx(1.0)
    told = [one.index for one in ranking.ranked if "breaks off" in one.why]
    assert sorted(told) == [0, 1]


def test_where_everything_breaks_off_it_is_ranked_as_ever() -> None:
    cut = [replace(one, is_cut=True) for one in ALL]
    ranking = rank_candidates(cut, NOBODY, 7)
    assert sorted(order(ranking)) == [0, 1, 2, 3]
    assert sum(one.propensity for one in ranking.ranked) == pytest.approx(1.0)
    assert ranking.ranked[0].propensity > 0


def test_of_two_texts_that_are_alike_the_whole_one_stays() -> None:
    cut, whole = candidates("joke")[0], candidates("joke")[0]
    ranking = rank_candidates(
        [replace(cut, is_cut=True), replace(whole, index=1, text_probability=0.1)], NOBODY, 7
    )
    assert order(ranking) == [1] and ranking.dropped == {0: "near_duplicate"}


@given(st.integers(0, 2**63 - 1), st.booleans())
def test_every_candidate_appears_once_with_its_propensity(seed: int, explore: bool) -> None:
    ranking, again = (
        rank_candidates(ALL, NOBODY, seed, explore),
        rank_candidates(ALL, NOBODY, seed, explore),
    )
    assert sorted(order(ranking)) == [0, 1, 2, 3] and order(ranking) == order(again)
    assert sum(one.propensity for one in ranking.ranked) == pytest.approx(1.0)
    assert all(0 <= one.propensity <= 1 for one in ranking.ranked)
    assert ranking.policy in ({"thompson", "igw"} if explore else {"greedy"})


def test_propensities_are_how_often_a_candidate_is_on_top_whoever_decided() -> None:
    for taste in (NOBODY, liking("joke", 6)):
        rankings = [rank_candidates(ALL, taste, seed) for seed in range(3000)]
        tops = Counter(order(ranking)[0] for ranking in rankings)
        assert sum(ranking.policy == "igw" for ranking in rankings) / len(
            rankings
        ) == pytest.approx(0.1, abs=0.02)
        for index in range(4):
            said = np.mean(
                [
                    one.propensity
                    for ranking in rankings
                    for one in ranking.ranked
                    if one.index == index
                ]
            )
            assert tops[index] / len(rankings) == pytest.approx(said, abs=0.02, rel=0.3)


def rated(*judged: float) -> list[Candidate]:
    """Texts of one arm; the better one is judged, the less it reads as its genre."""
    return [
        Candidate(
            index=index,
            arm=Arm(genre="joke", family=FAMILIES["joke"]),
            text=text,
            text_probability=0.98 - 0.7 * judgement,
            model_score=-1.5 - judgement,
            judged=judgement,
        )
        for index, (judgement, text) in enumerate(zip(judged, TEXTS.values(), strict=False))
    ]


def test_for_a_stranger_the_judge_orders_and_a_fitting_text_wins_a_tie() -> None:
    ranking = rank_candidates(rated(0.5, 0.7, 0.1, 0.3), NOBODY, 7, explore=False)
    assert order(ranking) == [1, 0, 3, 2]
    tops = Counter(order(rank_candidates(rated(0.4, 0.8), NOBODY, seed))[0] for seed in range(200))
    assert tops[1] > 150
    one, other = rated(0.6, 0.6)
    fitting = rank_candidates(
        [one, replace(other, text_probability=0.95)], NOBODY, 7, explore=False
    )
    assert order(fitting) == [1, 0]


def test_reactions_outweigh_the_judge() -> None:
    both = rated(0.8, 0.3)
    features = np.stack([each.features for each in by_index(rank_candidates(both, NOBODY, 7))])
    row = UserRow()
    for k in range(6):
        decided = Shown(decision=k, features=features, positions=(0, 1), predicted=(0.6, 0.5))
        for candidate, kind in enumerate((Kind.DISLIKE, Kind.LIKE)):
            row = learn_one(
                row, signal(2 * k + candidate + 1, kind, k, candidate), decided, NOW
            ).row
    taste = HierarchicalRegression.of(base_prior(), row.moments(NOW)).posterior
    assert order(rank_candidates(both, NOBODY, 7, explore=False)) == [0, 1]
    assert order(rank_candidates(both, taste, 7, explore=False)) == [1, 0]


def by_index(ranking: Ranking) -> list[Ranked]:
    return sorted(ranking.ranked, key=lambda each: each.index)


def test_what_is_hardly_ever_shown_has_at_least_the_share_that_its_gap_gives_it() -> None:
    """Weights by a floor made the estimate of another policy half of what it is."""
    ranking = rank_candidates(ALL, liking("joke", 40), 2)
    by_gap = inverse_gap_weights(np.array([each.score for each in ranking.ranked]))
    said = np.array([each.propensity for each in ranking.ranked])
    assert (said >= (1 - SWAP_SHARE / 3) * IGW_SHARE * by_gap - 1e-9).all()


def test_a_sure_winner_may_still_be_swapped_with_the_next() -> None:
    sure = [rank_candidates(ALL, liking("joke", 40), seed, evaluated=0.0) for seed in range(20)]
    for ranking in sure:
        first, second, third, _ = sorted((each.propensity for each in ranking.ranked), reverse=True)
        assert first < 1 - SWAP_SHARE / 3 and second > SWAP_SHARE / 3 > third


def test_greedy_is_certain_and_ordered_by_score() -> None:
    ranking = rank_candidates(ALL, NOBODY, 5, explore=False)
    scores = [one.score for one in ranking.ranked]
    assert scores == sorted(scores, reverse=True)
    assert [one.propensity for one in ranking.ranked] == [1.0, 0.0, 0.0, 0.0]


def test_below_the_top_the_mean_decides_but_for_a_few_swaps() -> None:
    swapped = 0
    for seed in range(500):
        rest = [one.score for one in rank_candidates(ALL, NOBODY, seed).ranked[1:]]
        swapped += rest != sorted(rest, reverse=True)
    assert 0.01 < swapped / 500 < 0.08


@pytest.mark.parametrize("liked", list(TEXTS))
def test_what_the_user_likes_comes_first_and_says_so(liked: str) -> None:
    ranking = rank_candidates(ALL, liking(liked, 4), 1, explore=False)
    top = ranking.ranked[0]
    assert ALL[top.index].arm.genre == liked
    assert f"likes {liked} (+" in top.why and "quality" in top.why and "from 4 reactions" in top.why


def test_unsafe_and_empty_texts_are_never_shown() -> None:
    unsafe = [*candidates("joke", is_safe=False), Candidate(index=1, arm=ALL[1].arm, text="  \n")]
    ranking = rank_candidates(unsafe, NOBODY, 1)
    assert ranking.ranked == () and ranking.dropped == {0: "unsafe", 1: "empty"}


def test_a_near_duplicate_gives_way_to_the_better_one() -> None:
    twins = [
        Candidate(index=0, arm=ALL[0].arm, text=TEXTS["joke"], text_probability=0.2),
        Candidate(index=1, arm=ALL[0].arm, text=TEXTS["joke"].upper() + "!", text_probability=0.9),
        Candidate(index=2, arm=ALL[1].arm, text=TEXTS["poetry"], text_probability=0.9),
    ]
    ranking = rank_candidates(twins, NOBODY, 1)
    assert ranking.dropped == {0: "near_duplicate"} and sorted(order(ranking)) == [1, 2]


def test_between_equals_the_better_text_wins() -> None:
    good = Candidate(index=0, arm=ALL[0].arm, text=TEXTS["joke"], text_probability=0.8)
    loop = Candidate(index=1, arm=ALL[0].arm, text="the duck the duck " * 12, text_probability=0.8)
    assert order(rank_candidates([loop, good], NOBODY, 1, explore=False)) == [0, 1]


def test_what_is_predicted_is_what_feedback_is_compared_with() -> None:
    for one in rank_candidates(ALL, NOBODY, 1).ranked:
        assert one.predicted == pytest.approx(
            float(one.features.astype(np.float64) @ NOBODY.mean), abs=1e-6
        )


@given(st.lists(st.floats(-2, 2), min_size=1, max_size=8))
def test_inverse_gap_weights_are_a_distribution_that_prefers_the_best(scores: list[float]) -> None:
    weights = inverse_gap_weights(np.array(scores))
    assert weights.sum() == pytest.approx(1.0) and (weights > 0).all()
    assert weights.argmax() == int(np.argmax(scores)) or weights.max() == pytest.approx(
        weights[int(np.argmax(scores))]
    )


def test_a_judged_answer_is_above_another_until_reactions_outweigh_it() -> None:
    """Of two texts by like arms, before and after its user has liked what the judge does not."""
    good, bad = (replace(ALL[k], judged=judged) for k, judged in ((0, 0.8), (1, 0.4)))
    assert order(rank_candidates([good, bad], NOBODY, 1, explore=False)) == [0, 1]
    fond = liking(bad.arm.genre or "", 40)
    assert order(rank_candidates([good, bad], fond, 1, explore=False)) == [1, 0]
    (feature,) = rank_candidates([good], NOBODY, 1).ranked[0].features[BLOCKS["judged"]]
    assert feature == pytest.approx(1 / 3, abs=0.01)  # of 0.8
