"""B2: which of five films that the user has not seen yet will they like?

Half of the users with at least 40 ratings are history: everybody learns 40 of their ratings, each
as one of five drawn evenly. Each of the others is offered all of their own films, five at a time,
and likes the chosen one when they gave it four stars or more. A film is an arm: its genres are
blended evenly, and its probability is the like-rate of those who rated or were shown it before.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from benchmarks.preferences.drifting import BETWEEN, START, genre_id
from benchmarks.preferences.policies import Offer, Policy
from benchmarks.preferences.ratings import Ratings
from genre_models.preferences.features import BLOCKS, Arm, arm_features
from genre_models.preferences.moments import Floats

HISTORY = 40
SETTLED = 200
"""Choices after which the population is asked again."""
OFFERED = 5

Rows = npt.NDArray[np.intp]


@dataclass(slots=True, eq=False)
class Films:
    """What is known of every film, and its features; likes count from the moment they are told."""

    ratings: Ratings
    likes: Floats = field(init=False)
    seen: Floats = field(init=False)

    def __post_init__(self) -> None:
        films = len(self.ratings.genres)
        self.likes, self.seen = np.zeros(films), np.zeros(films)

    def tell(self, item: int, liked: float) -> None:
        """Somebody liked it or not."""
        self.likes[item] += liked
        self.seen[item] += 1

    def offer(self, user: int, items: Rows, now: int) -> Offer:
        """Some films for a user."""
        arms = [self._arm(int(item)) for item in items]
        return Offer(
            user=user,
            phi=np.stack([arm_features(arm) for arm in arms]).astype(np.float64),
            tags=tuple((f"film{item}", *self._genres(int(item))) for item in items),
            now=now,
        )

    def _arm(self, item: int) -> Arm:
        genres = self._genres(item)
        everybody = (self.likes.sum() + 1) / (self.seen.sum() + 2)
        probability = (self.likes[item] + 5 * everybody) / (self.seen[item] + 5)
        blend = tuple((genre, 1 / len(genres)) for genre in genres)
        return Arm(genre=None, family=None, blend=blend, probability=float(probability))

    def _genres(self, item: int) -> list[str]:
        return [
            genre_id(self.ratings.names[place])
            for place in np.flatnonzero(self.ratings.genres[item])
        ]


def like_rate(policy: Policy, ratings: Ratings, seed: int) -> float:
    """Mean over the users of the share of their choices that they liked."""
    random = np.random.default_rng(seed)
    many = [rows for rows in ratings.of_user() if len(rows) >= 40]
    order = random.permutation(len(many))
    films = Films(ratings)
    _learn_history([many[k] for k in order[: len(many) // 2]], policy, films, random)
    living = [_groups(random.permutation(many[k])) for k in order[len(many) // 2 :]]
    choices, liked = 0, [[0.0] * 0 for _ in living]
    for number in range(max(map(len, living))):
        for user in random.permutation(len(living)).tolist():
            if number < len(living[user]):
                liked[user].append(_chosen(user, living[user][number], number, policy, films))
                choices += 1
                if choices % SETTLED == 0:
                    policy.settle()
    return float(np.mean([np.mean(each) for each in liked]))


def _learn_history(
    users: list[Rows], policy: Policy, films: Films, random: np.random.Generator
) -> None:
    ratings = films.ratings
    for row in np.concatenate(users):
        films.tell(ratings.items[row], ratings.likes[row])
    for number in range(HISTORY):
        for user, rows in enumerate(users):
            group = random.choice(rows, OFFERED, replace=False)
            offer = films.offer(
                -1 - user, ratings.items[group], START - (HISTORY - number) * BETWEEN
            )
            policy.learn(offer, 0, 1 / OFFERED, ratings.likes[group[0]])
        policy.settle()


def _groups(rows: Rows) -> list[Rows]:
    return [rows[k : k + OFFERED] for k in range(0, len(rows) - OFFERED + 1, OFFERED)]


def _chosen(user: int, group: Rows, number: int, policy: Policy, films: Films) -> float:
    ratings = films.ratings
    offer = films.offer(user, ratings.items[group], START + number * BETWEEN)
    chosen, propensity = policy.choose(offer)
    liked = float(ratings.likes[group[chosen]])
    policy.learn(offer, chosen, propensity, liked)
    films.tell(ratings.items[group[chosen]], liked)
    return liked


class MostLiked:
    """Not personalised: the film with the highest like-rate so far, the first `fit` feature."""

    def choose(self, offer: Offer) -> tuple[int, float]:
        return int(offer.phi[:, BLOCKS["fit"].start].argmax()), 1.0

    def learn(self, offer: Offer, chosen: int, propensity: float, liked: float) -> None:
        pass

    def settle(self) -> None:
        pass
