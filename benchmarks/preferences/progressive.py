"""B3: will they like this film? Every rating in the order of time is first predicted, then learned.

The AUC over everything rewards knowing who is generous; ranking candidates needs the
one within users.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np

from benchmarks.preferences.five import Films, Rows
from benchmarks.preferences.policies import Offer, Ours
from benchmarks.preferences.ratings import Ratings
from genre_models.preferences.moments import Floats

SETTLED = 2000
EVENTS = 30_000


def ours(ratings: Ratings) -> dict[str, float]:
    """AUC, log-loss and AUC within users of the product's expected liking."""
    policy = Ours(np.random.default_rng(0))

    def predict(offer: Offer) -> float:
        return float(policy.posterior(offer).mean @ offer.phi[0])

    def learn(offer: Offer, liked: float) -> None:
        policy.learn(offer, 0, 1.0, liked)
        if policy.signals % SETTLED == 0:
            policy.settle()

    return _scores(ratings, predict, learn)


def vowpal_wabbit(ratings: Ratings) -> dict[str, float]:
    """The same features alone and crossed with the user, logistic loss."""
    from vowpalwabbit import pyvw

    workspace = pyvw.Workspace("-q ug --loss_function logistic --link logistic --quiet -b 20")

    def line(offer: Offer) -> str:
        return f"|u user{offer.user} |g " + " ".join(
            f"{n}:{x:.4g}" for n, x in enumerate(offer.phi[0]) if x
        )

    def learn(offer: Offer, liked: float) -> None:
        workspace.learn(f"{1 if liked else -1} {line(offer)}")

    return _scores(ratings, lambda offer: float(workspace.predict(line(offer))), learn)


def _scores(
    ratings: Ratings,
    predict: Callable[[Offer], float],
    learn: Callable[[Offer, float], None],
) -> dict[str, float]:
    films, predicted = Films(ratings), []
    users, likes = ratings.users[:EVENTS], ratings.likes[:EVENTS]
    for number, (user, item, liked) in enumerate(
        zip(users, ratings.items[:EVENTS], likes, strict=True)
    ):
        offer = films.offer(int(user), np.array([item]), 1_790_000_000 + number)
        predicted.append(min(max(predict(offer), 0.01), 0.99))
        learn(offer, float(liked))
        films.tell(int(item), float(liked))
    chances = np.array(predicted)
    loss = -np.where(likes > 0, np.log(chances), np.log(1 - chances)).mean()
    within = list(_within(users, likes, chances))
    return {
        "auc": auc(likes, chances),
        "log_loss": float(loss),
        "within_auc": float(np.mean(within)),
    }


def _within(users: Rows, likes: Floats, chances: Floats) -> Iterator[float]:
    for user in np.unique(users):
        mine = users == user
        value = auc(likes[mine], chances[mine])
        if not math.isnan(value):
            yield value


def auc(likes: Floats, chances: Floats) -> float:
    """Probability that a like was predicted above a dislike; NaN where there are not both."""
    _, inverse, counts = np.unique(chances, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    positive, negative = float((likes > 0).sum()), float((likes == 0).sum())
    if not positive or not negative:
        return math.nan
    return float((ranks[likes > 0].sum() - positive * (positive + 1) / 2) / (positive * negative))
