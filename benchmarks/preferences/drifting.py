"""B1: which of the genres does this user like, when tastes change half-way?

Users are real: the like-rate of each of the 18 genres, smoothed by three of everybody's ratings,
with the logit deviations from the genre's mean scaled by `heterogeneity`. Each round every user is
offered all genres and likes the chosen one with that probability. After 50 rounds everybody's taste
becomes another user's, for 50 more. Regret is what the best genre's probability was above the
chosen one's, summed over the rounds, a user.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from benchmarks.preferences.policies import Offer, Policy
from benchmarks.preferences.ratings import Ratings
from genre_models.preferences.features import Arm, arm_features
from genre_models.preferences.moments import Floats

ROUNDS = 50
PULLS = 30
START = 1_790_000_000
SHRINKAGE, FEWEST = 3.0, 40  # of a user's rates towards everybody's, in ratings; ratings of a user
BETWEEN = 3600
"""Seconds between two rounds: so short that forgetting with time hardly helps."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class World:
    """`before` and `after` [users, arms] are like-probabilities; `phi` is [arms, d].

    `luck` [2 ROUNDS, users] decides.
    """

    phi: Floats
    tags: tuple[tuple[str, ...], ...]
    before: Floats
    after: Floats
    luck: Floats
    logs: Floats
    """[users, arms]: others' like-probabilities; everybody learned their `PULLS` uniform pulls."""
    seed: int


@dataclass(frozen=True, slots=True)
class Regret:
    """A user, before and after the change of taste."""

    before: float
    after: float

    @property
    def total(self) -> float:
        return self.before + self.after


def world(
    ratings: Ratings, *, heterogeneity: float, warm: bool, seed: int, users: int | None = None
) -> World:
    """Half of the users, at most `users`, live in it; if `warm`, the other half gave the logs."""
    random = np.random.default_rng(seed)
    rates = like_rates(ratings, heterogeneity)
    rates = rates[random.permutation(len(rates))]
    half = len(rates) // 2
    living = rates[half:][:users]
    arms = [Arm(genre=genre_id(name), family=None) for name in ratings.names]
    return World(
        phi=np.stack([arm_features(arm) for arm in arms]).astype(np.float64),
        tags=tuple((arm.genre or "",) for arm in arms),
        before=living,
        after=living[np.roll(random.permutation(len(living)), 1)],
        luck=random.random((2 * ROUNDS, len(living))),
        logs=rates[:half] if warm else rates[:0],
        seed=seed,
    )


def genre_id(name: str) -> str:
    """A name as the product's genres are called."""
    return "".join(letter if letter.isalnum() else "_" for letter in name.lower())


def like_rates(ratings: Ratings, heterogeneity: float) -> Floats:
    """[users, genres] of those with at least 40 ratings."""
    shape = ratings.users.max() + 1, len(ratings.names)
    seen, liked = np.zeros(shape), np.zeros(shape)
    np.add.at(seen, ratings.users, ratings.genres[ratings.items])
    np.add.at(liked, ratings.users, ratings.genres[ratings.items] * ratings.likes[:, None])
    mean = liked.sum(axis=0) / seen.sum(axis=0)
    many = np.bincount(ratings.users, minlength=shape[0]) >= FEWEST
    rates = ((liked + SHRINKAGE * mean) / (seen + SHRINKAGE))[many]
    deviation = _logit(rates) - _logit(mean)
    scaled: Floats = 1 / (1 + np.exp(-(_logit(mean) + heterogeneity * deviation)))
    return scaled


def _logit(p: Floats) -> Floats:
    bounded = np.clip(p, 0.01, 0.99)
    return np.log(bounded / (1 - bounded))


def regret(policy: Policy, place: World) -> Regret:
    """Let the policy live in the world."""
    _warm_up(policy, place)
    return Regret(
        _phase(policy, place, place.before, 0), _phase(policy, place, place.after, ROUNDS)
    )


def regret_of_common(place: World) -> Regret:
    """The one arm best for all users together, known from the start and again after the change."""
    return Regret(_common(place.before), _common(place.after))


def _common(likes: Floats) -> float:
    of_best: Floats = likes.T[likes.mean(axis=0).argmax()]
    return ROUNDS * float(np.mean(likes.max(axis=1) - of_best))


def _warm_up(policy: Policy, place: World) -> None:
    random = np.random.default_rng(place.seed + 1)
    users, arms = place.logs.shape
    for pull in range(PULLS if users else 0):
        chosen, luck = random.integers(arms, size=(users,)), random.random((users,))
        now = START - (PULLS - pull) * BETWEEN
        for user in range(int(users)):
            offer = Offer(user=-1 - user, phi=place.phi, tags=place.tags, now=now)
            policy.learn(
                offer,
                int(chosen[user]),
                1 / arms,
                float(luck[user] < place.logs[user, int(chosen[user])]),
            )
        policy.settle()


def _phase(policy: Policy, place: World, likes: Floats, first: int) -> float:
    lost = 0.0
    for number in range(first, first + ROUNDS):
        for user, (row, luck) in enumerate(zip(likes, place.luck[number], strict=True)):
            offer = Offer(user=user, phi=place.phi, tags=place.tags, now=START + number * BETWEEN)
            chosen, propensity = policy.choose(offer)
            policy.learn(offer, chosen, propensity, float(luck < row[chosen]))
            lost += row.max() - row[chosen]
        policy.settle()
    return lost / len(likes)
