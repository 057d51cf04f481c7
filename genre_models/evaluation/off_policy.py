"""What another policy would have earned, from decisions that were logged with their propensities.

r is the reward in [0, 1] of the top candidate a, p(a) the logged probability of a, pi the policy
in question, q a model of r that was fitted on other users:
IPS    mean of  r pi(a) / p(a)
SNIPS  the same over the mean of pi(a) / p(a)                   (Swaminathan and Joachims 2015)
DR     mean of  sum_k pi(k) q(k) + (r - q(a)) pi(a) / p(a)      (Dudik, Langford and Li 2011)
Intervals are 95 %, from the spread between users, because one user's decisions resemble each other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from genre_models.preferences.moments import Floats
from genre_models.preferences.signals import digest
from schemas.errors import Rejected

FEWEST_EFFECTIVE = 100.0
FOLDS = 5
_RIDGE = 2.0
_95_PERCENT = 1.96

Policy = Callable[[Floats], Floats]
"""From the scores [k] by which candidates are ordered to the probability of each on top [k]."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Logged:
    """One decision and what came of it.

    `features` [k, d], `scores` [k] (taste plus quality: what the ranker orders by) and
    `propensities` [k] of its candidates, the one that was on `top`, and its `reward` in [0, 1].
    """

    user: str
    features: Floats
    scores: Floats
    propensities: Floats
    top: int
    reward: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A mean reward with its 95 % interval."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """What a policy would have earned; the weights are worth `effective` of `decisions`."""

    decisions: int
    users: int
    effective: float
    ips: Estimate
    snips: Estimate
    dr: Estimate


def _greedy(scores: Floats) -> Floats:
    return np.eye(len(scores))[int(scores.argmax())]


def _uniform(scores: Floats) -> Floats:
    return np.full(len(scores), 1 / len(scores))


def _epsilon(scores: Floats) -> Floats:
    return 0.9 * _greedy(scores) + 0.1 * _uniform(scores)


POLICIES: Mapping[str, Policy] = MappingProxyType(
    {"greedy": _greedy, "uniform": _uniform, "epsilon": _epsilon}
)


def evaluate(logs: Sequence[Logged], policy: Policy) -> Evaluation:
    """What a policy would have earned, from the log of another.

    Decisions that could not have gone the policy's way (greedy ones, of users who opted out) say
    nothing and are left out. Raises Rejected `too_little_evidence` where the log cannot know.
    """
    logs = [
        one
        for one in logs
        if one.propensities[policy(one.scores) > 0].all() and one.propensities[one.top] > 0
    ]
    if not logs:
        raise Rejected(
            "too_little_evidence",
            "no decision with feedback was left to chance; turn exploration on",
        )
    chosen = [policy(one.scores) for one in logs]
    rewards = np.array([one.reward for one in logs])
    weights = np.array(
        [pi[one.top] / one.propensities[one.top] for one, pi in zip(logs, chosen, strict=True)]
    )
    effective = float(weights.sum() ** 2 / max(1e-12, (weights**2).sum()))
    if effective < FEWEST_EFFECTIVE:
        raise Rejected(
            "too_little_evidence",
            f"needs decisions worth {FEWEST_EFFECTIVE:.0f} of this policy's own, "
            f"got {effective:.0f} from {len(logs)}",
        )
    users = [one.user for one in logs]
    modelled, at_top = _modelled(logs, chosen)
    return Evaluation(
        decisions=len(logs),
        users=len(set(users)),
        effective=effective,
        ips=_ratio(weights * rewards, np.ones(len(logs)), users),
        snips=_ratio(weights * rewards, weights, users),
        dr=_ratio(modelled + weights * (rewards - at_top), np.ones(len(logs)), users),
    )


def compare(one: Mapping[str, Sequence[float]], other: Mapping[str, Sequence[float]]) -> Estimate:
    """How much more `one` earned than `other`, two policies that served disjoint users.

    Both are rewards by user. Every user counts once, whatever they sent (Welch's interval).
    Raises Rejected `too_little_evidence`.
    """
    left, right = (
        np.array([np.mean(rewards) for rewards in side.values() if len(rewards)])
        for side in (one, other)
    )
    if min(len(left), len(right)) < 30:
        raise Rejected(
            "too_little_evidence",
            f"needs 30 users with feedback on each side, got {len(left)} and {len(right)}",
        )
    difference = float(left.mean() - right.mean())
    error = _95_PERCENT * float(
        np.sqrt(left.var(ddof=1) / len(left) + right.var(ddof=1) / len(right))
    )
    return Estimate(mean=difference, low=difference - error, high=difference + error)


def _modelled(logs: Sequence[Logged], chosen: Sequence[Floats]) -> tuple[Floats, Floats]:
    """The model's rewards of the policy and of what was on top, each [n].

    By ridge regressions that never saw the user.
    """
    folds = np.array([digest(one.user) % FOLDS for one in logs])
    tops = np.stack([one.features[one.top] for one in logs]).astype(np.float64)
    rewards = np.array([one.reward for one in logs])
    models = [_ridge(tops[folds != fold], rewards[folds != fold]) for fold in range(FOLDS)]
    expected = [
        pi @ (one.features @ models[fold])
        for one, pi, fold in zip(logs, chosen, folds, strict=True)
    ]
    return np.array(expected), np.einsum("nd,nd->n", tops, np.stack(models)[folds])


def _ridge(phi: Floats, targets: Floats) -> Floats:
    mean = float(targets.mean()) if len(targets) else 0.0
    weights: Floats = np.linalg.solve(
        phi.T @ phi + _RIDGE * np.eye(phi.shape[1]), phi.T @ (targets - mean)
    )
    weights[0] += mean  # the bias is the first feature
    return weights


def _ratio(numerator: Floats, denominator: Floats, users: Sequence[str]) -> Estimate:
    """sum / sum with a linearised interval between users."""
    mean = float(numerator.sum() / denominator.sum())
    _, of = np.unique(np.asarray(users), return_inverse=True)
    influence = np.bincount(of, numerator - mean * denominator) / denominator.sum()
    count = len(influence)
    error = _95_PERCENT * float(np.sqrt((influence**2).sum() * count / max(1, count - 1)))
    return Estimate(mean=mean, low=mean - error, high=mean + error)
