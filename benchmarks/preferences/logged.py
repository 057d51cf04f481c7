"""B4: how far from the truth is the doubly robust estimate of another policy?

It has 10,000 logged decisions of the users and arms of B1. Each offers eight of the genres; the
ranker decides as in the product (a share `evaluated` by inverse gap weighting, the rest by
Thompson), logs the propensities and learns. The truth is the mean like-probability of what the
policy in question would have put on top of the same decisions.
"""

from __future__ import annotations

import numpy as np

from benchmarks.preferences.drifting import BETWEEN, START, World
from benchmarks.preferences.policies import Offer, Ours
from genre_models.evaluation.off_policy import POLICIES, Logged, evaluate
from genre_models.preferences.moments import Floats
from genre_models.ranker import choose_policy, ordered
from schemas.errors import Rejected

DECISIONS = 10_000
OFFERED = 8


def errors(place: World, evaluated: float) -> dict[str, float | None]:
    """|DR - truth| / truth of every policy that can be evaluated; None where the log refuses."""
    logs, truths = _logs(place, evaluated)
    found: dict[str, float | None] = {}
    for name, policy in POLICIES.items():
        truth = float(
            np.mean([policy(log.scores) @ truth for log, truth in zip(logs, truths, strict=True)])
        )
        try:
            found[name] = abs(evaluate(logs, policy).dr.mean - truth) / truth
        except Rejected:
            found[name] = None
    return found


def _logs(place: World, evaluated: float) -> tuple[list[Logged], list[Floats]]:
    random, learner = np.random.default_rng(place.seed), Ours(np.random.default_rng(place.seed))
    logs, truths = [], []
    for number in range(DECISIONS):
        turn, user = divmod(number, len(place.before))
        arms = random.choice(len(place.phi), OFFERED, replace=False)
        offer = Offer(
            user=user, phi=place.phi[arms], tags=(("",),) * OFFERED, now=START + turn * BETWEEN
        )
        posterior, likes = learner.posterior(offer), place.before[user, arms]
        scores = offer.phi @ posterior.mean
        policy = choose_policy(True, random, evaluated)
        order, chances = ordered(
            policy, offer.phi, scores, np.zeros(OFFERED), posterior, random, evaluated
        )
        liked = float(random.random() < likes[order[0]])
        logs.append(Logged(user=str(user), features=offer.phi, scores=scores, propensities=chances,
                           top=order[0], reward=liked))  # fmt: skip
        truths.append(likes)
        learner.learn(offer, order[0], float(chances[order[0]]), liked)
        if number % len(place.before) == 0:
            learner.settle()
    return logs, truths
