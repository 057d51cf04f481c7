"""Partitions add up, erasure is exact, one user moves others by a bounded amount, and a damaged
record is left out."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genre_models.preferences.estimator import HierarchicalRegression
from genre_models.preferences.population import SHARE, Population, contribution
from genre_models.preferences.posterior import base_prior
from genre_models.preferences.row import UserRow
from genre_models.preferences.signals import Kind
from schemas.errors import ModelError
from tests.genre_models.preferences.reactions import NOW, learned, shown, signal


def user(seed: int, reactions: int) -> UserRow:
    dice = random.Random(seed)
    kinds = [dice.choice([Kind.LIKE, Kind.DISLIKE, Kind.ACCEPT]) for _ in range(reactions)]
    return learned(signal(k + 1, kind, seed * 1000 + k, k % 3) for k, kind in enumerate(kinds))


users = st.lists(st.integers(0, 7), min_size=1, max_size=6).map(
    lambda counts: [user(seed, count) for seed, count in enumerate(counts)]
)


def over(rows: list[UserRow]) -> Population:
    population = Population()
    for row in rows:
        population = population.exchanged(None, row)
    return population


@given(users, st.integers(0, 6))
def test_partitions_add_up(rows: list[UserRow], cut: int) -> None:
    whole, parts = over(rows), over(rows[:cut]) + over(rows[cut:])
    assert whole.pack() == parts.pack()


@given(users, st.randoms())
def test_a_user_who_leaves_was_never_there(rows: list[UserRow], dice: random.Random) -> None:
    gone = dice.randrange(len(rows))
    left = over(rows).exchanged(rows[gone], None)
    assert left.pack() == over(rows[:gone] + rows[gone + 1 :]).pack()


def test_a_row_that_changes_replaces_what_it_said() -> None:
    rows = [user(seed, 3) for seed in range(3)]
    grown = user(1, 6)
    assert over(rows).exchanged(rows[1], grown).pack() == over([rows[0], grown, rows[2]]).pack()


@pytest.mark.parametrize("reactions", [1, 20, 500])
def test_one_user_counts_as_few_reactions_however_many(reactions: int) -> None:
    row = UserRow()
    for k in range(reactions):
        row = learned([signal(k + 1, Kind.LIKE, k, 0)], row)
    assert contribution(row)[-1] / 2**14 < min(reactions, SHARE)


def test_nobody_yet_is_the_base_prior() -> None:
    prior = Population().prior(base_prior())
    assert np.allclose(prior.mean, base_prior().mean) and np.allclose(
        prior.doubt, base_prior().doubt
    )


def test_a_newcomer_is_expected_to_like_what_most_like() -> None:
    fans = []
    for fan in range(30):
        row = UserRow()
        for k in range(4):
            scene = shown(fan * 10 + k, ["poetry" if k % 2 else "joke"])
            row = _liked(row, scene, k, Kind.LIKE if k % 2 else Kind.DISLIKE)
        fans.append(row)
    prior = over(fans).prior(base_prior())
    newcomer = HierarchicalRegression.of(prior, UserRow().moments(NOW)).posterior
    poetry, joke = (
        shown(1, [genre]).features[0].astype(np.float64) for genre in ("poetry", "joke")
    )
    assert newcomer.mean @ poetry > newcomer.mean @ joke + 0.2
    assert prior.doubt.trace() < base_prior().doubt.trace()


def _liked(row: UserRow, scene, k: int, kind: Kind) -> UserRow:  # type: ignore[no-untyped-def]
    from genre_models.preferences.learner import learn_one

    return learn_one(row, signal(k + 1, kind, scene.decision, 0), scene, NOW).row


@given(users)
def test_unpack_undoes_pack(rows: list[UserRow]) -> None:
    packed = over(rows).pack()
    assert Population.unpack(packed).pack() == packed


@given(st.integers(0, 9000), st.integers(1, 255))
def test_a_damaged_record_is_refused(place: int, change: int) -> None:
    packed = bytearray(over([user(1, 3)]).pack())
    packed[place] ^= change
    with pytest.raises(ModelError) as refused:
        Population.unpack(bytes(packed))
    assert refused.value.code == "population_corrupt"
