"""Estimates cover the truth, refuse when they cannot know, and never use a user's own rewards to
model the user."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from genre_models.evaluation.off_policy import POLICIES, Logged, compare, evaluate
from genre_models.ranker import inverse_gap_weights
from schemas.errors import Rejected

D = 12


def simulated(
    decisions: int, seed: int = 1, users: int = 200
) -> tuple[list[Logged], dict[str, float]]:
    """Logs of inverse gap weighting whose scores are half right, and what every policy really
    earns."""
    dice = np.random.default_rng(seed)
    taste = dice.normal(0, 0.15, D)
    earned = dict.fromkeys(POLICIES, 0.0)
    logs = []
    for k in range(decisions):
        phi = dice.uniform(-1, 1, (4, D))
        phi[:, 0] = 1
        chance = np.clip(0.5 + phi[:, 1:] @ taste[1:], 0.02, 0.98)
        scores = chance + dice.normal(0, 0.15, 4)
        propensities = inverse_gap_weights(scores)
        top = int(dice.choice(4, p=propensities))
        reward = float(dice.random() < chance[top])
        logs.append(
            Logged(
                user=f"u{k % users}",
                features=phi,
                scores=scores,
                propensities=propensities,
                top=top,
                reward=reward,
            )
        )
        for name, policy in POLICIES.items():
            earned[name] += float(policy(scores) @ chance) / decisions
    return logs, earned


LOGS, EARNED = simulated(10_000)


@pytest.mark.parametrize("name", list(POLICIES))
def test_ten_thousand_decisions_tell_the_truth_within_three_percent(name: str) -> None:
    told = evaluate(LOGS, POLICIES[name])
    assert told.dr.mean == pytest.approx(EARNED[name], rel=0.03)
    assert told.snips.mean == pytest.approx(EARNED[name], rel=0.06)
    assert told.dr.low < EARNED[name] < told.dr.high and told.users == 200


def test_intervals_cover_the_truth_as_often_as_they_say() -> None:
    covered = 0
    for seed in range(40):
        logs, earned = simulated(600, seed)
        told = evaluate(logs, POLICIES["epsilon"])
        covered += told.dr.low < earned["epsilon"] < told.dr.high
    assert covered >= 34


def test_doubly_robust_is_the_narrowest() -> None:
    told = evaluate(LOGS, POLICIES["uniform"])
    assert told.dr.high - told.dr.low < told.ips.high - told.ips.low


def test_the_logging_policy_itself_needs_no_weights() -> None:
    told = evaluate([replace(one, scores=one.propensities) for one in LOGS], lambda scores: scores)
    assert told.effective == pytest.approx(len(LOGS))
    assert told.ips.mean == pytest.approx(np.mean([one.reward for one in LOGS]))


@pytest.mark.parametrize("decisions", [0, 50])
def test_it_refuses_when_it_cannot_know(decisions: int) -> None:
    with pytest.raises(Rejected) as refused:
        evaluate(LOGS[:decisions], POLICIES["greedy"])
    assert refused.value.code == "too_little_evidence"


def test_decisions_that_were_certain_say_nothing_about_others() -> None:
    certain = [replace(one, propensities=np.eye(4)[one.top]) for one in LOGS[:2000]]
    assert evaluate(LOGS + certain, POLICIES["uniform"]).decisions == len(LOGS)
    with pytest.raises(Rejected, match="left to chance"):
        evaluate(certain, POLICIES["uniform"])


def test_two_sides_are_compared_by_user() -> None:
    dice = np.random.default_rng(5)
    better = {f"a{k}": (dice.random(1 + 50 * (k == 0)) < 0.7).tolist() for k in range(400)}
    worse = {f"b{k}": (dice.random(3) < 0.5).tolist() for k in range(400)}
    told = compare(better, worse)
    assert told.low < 0.2 < told.high and told.low > 0
    with pytest.raises(Rejected, match="30 users"):
        compare(better, dict(list(worse.items())[:5]))


def test_what_could_not_have_been_shown_proves_nothing() -> None:
    odd = replace(LOGS[0], propensities=np.eye(4)[0], scores=np.eye(4)[0], top=1)
    assert evaluate([odd, *LOGS], POLICIES["greedy"]) == evaluate(LOGS, POLICIES["greedy"])
