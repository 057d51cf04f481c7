"""What a log of decisions and reactions is worth: rewards, retractions, erasures, and who was
served by whom."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from genre_models.evaluation.decision_log import by_user, judged
from genre_models.evaluation.off_policy import POLICIES, evaluate
from genre_models.preferences.features import DIMENSION, DIMENSIONS, FEATURES_VERSION
from schemas.decisions import DecidedCandidate, Decision
from schemas.feedback import Feedback

TIME = datetime(2026, 11, 24, tzinfo=UTC)
LATER = TIME + timedelta(seconds=5)
RETRACTION = Feedback(user_id="ada", kind="retract", request_id="r", retracts="f")


def decision(user: str, request: str = "r", policy: str = "igw", top: int = 1) -> Decision:
    features = np.eye(2, DIMENSION).astype("<f2")
    candidates = tuple(
        DecidedCandidate(
            index=k, position=int(k != top), arm_propensity=0.5, propensity=0.5,
            score=0.2 + 0.6 * k, features=features[k].tobytes(),
        )
        for k in range(2)
    )  # fmt: skip
    return Decision(request_id=request, user_id=user, time=TIME, policy=policy, seed=1,
                    features_version=FEATURES_VERSION, candidates=candidates)  # fmt: skip


def said(user: str, kind: str, index: int = 1, **fields: object) -> Feedback:
    return Feedback(user_id=user, kind=kind, request_id="r", candidate_id=f"r/{index}", **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("reactions", "reward"),
    [
        ([said("ada", "rating", value=4)], 0.75),
        ([said("ada", "like"), said("ada", "dislike")], 0.0),
        ([said("ada", "dislike", time=LATER), said("ada", "like", time=TIME)], 0.0),
        (
            [
                said("ada", "dislike", feedback_id="f"),
                said("ada", "like"),
                said("ada", "dislike", feedback_id="f"),
            ],
            1.0,
        ),
        ([said("ada", "like"), said("ada", "copy")], (1.0 * 1.0 + 0.8 * 0.9) / 1.8),
        ([said("ada", "accept"), said("ada", "edit", text="Anew.")], None),
        ([said("ada", "like"), said("ada", "dislike", feedback_id="f"), RETRACTION], 1.0),
        ([said("ada", "choose", 0)], 0.0),
        ([said("ada", "like", 0)], None),
        ([said("ada", "like", feedback_id="f"), RETRACTION], None),
        ([RETRACTION, said("ada", "like", feedback_id="f")], None),
    ],
)  # fmt: skip
def test_the_reward_is_what_was_said_of_the_top(
    reactions: list[Feedback], reward: float | None
) -> None:
    assert [one.logged.reward for one in judged([decision("ada")], reactions)] == (
        [] if reward is None else [pytest.approx(reward)]
    )


def test_what_an_erased_user_did_is_left_out() -> None:
    log = judged([decision("ada"), decision("bea")], [said("ada", "like"), said("bea", "like")],
                 {"ada": TIME.timestamp() + 1})  # fmt: skip
    assert [one.logged.user for one in log] == ["bea"]


@pytest.mark.parametrize("features", [b"", b"abc", bytes(10), b"\0\x7e" * DIMENSION])
def test_what_are_no_features_of_the_recipe_is_left_out(features: bytes) -> None:
    made = decision("ada")
    odd = replace(made, candidates=(replace(made.candidates[0], features=features),
                                    made.candidates[1]))  # fmt: skip
    assert judged([odd], [said("ada", "like")]) == []


def test_decisions_of_the_first_recipe_are_read_as_not_judged() -> None:
    new = decision("ada")
    d = DIMENSIONS[1]
    shorter = tuple(replace(each, features=each.features[: 2 * d]) for each in new.candidates)
    old = replace(new, features_version=1, candidates=shorter)
    (one,), (same,) = (judged([made], [said("ada", "like")]) for made in (old, new))
    assert np.array_equal(one.logged.features, same.logged.features)
    assert judged([replace(old, features_version=2)], [said("ada", "like")]) == []


def test_a_policy_that_picks_what_is_liked_is_found_to_earn_more() -> None:
    decisions = [decision(f"u{k}", top=k % 2) for k in range(600)]
    log = [one.logged for one in judged(
        decisions, [said(f"u{k}", "like" if k % 2 else "dislike", k % 2) for k in range(600)]
    )]  # fmt: skip
    assert evaluate(log, POLICIES["greedy"]).dr.low > 0.95
    assert evaluate(log, POLICIES["uniform"]).dr.mean == pytest.approx(0.5, abs=0.02)


def test_a_policy_is_judged_by_what_the_ranker_orders_by() -> None:
    """Quality turns the order of these two; a log without it is read by taste alone, as before."""
    old = decision("ada")
    qualities = [0.9, 0.1]
    new = replace(
        old, candidates=tuple(replace(each, quality=qualities.pop(0)) for each in old.candidates)
    )
    for made, best in ((old, 1), (new, 0)):
        (one,) = judged([made], [said("ada", "like")])
        chosen = int(POLICIES["greedy"](one.logged.scores).argmax())
        assert one.logged.features[chosen][best] == 1.0


def test_users_whom_both_served_count_for_neither() -> None:
    decisions = [decision("a", policy="thompson"), decision("b", policy="greedy"),
                 decision("c", "r", "greedy"), decision("c", "r2", "thompson")]  # fmt: skip
    reactions = [said(user, "like") for user in "abc"] + [
        Feedback(user_id="c", kind="like", request_id="r2", candidate_id="r2/1")
    ]
    log = judged(decisions, reactions)
    assert by_user(log, ["thompson"], ["greedy"]) == {"a": [1.0]}
    assert by_user(log, ["greedy"], ["thompson"]) == {"b": [1.0]}


def test_what_broke_off_beside_a_whole_text_was_never_to_choose() -> None:
    whole = decision("ada")
    shown = tuple(
        replace(each, broken_off=each.position == 1, propensity=1.0 - each.position)
        for each in whole.candidates
    )
    (one,) = judged([replace(whole, candidates=shown)], [said("ada", "like")])
    assert (len(one.logged.scores), one.logged.features.shape[0]) == (1, 1)
    assert (one.logged.top, one.logged.propensities.tolist()) == (0, [1.0])
