from __future__ import annotations

from datetime import UTC, datetime

import numpy as np

from agents.learn import learn
from agents.plan import plan
from agents.populations import Populations
from agents.rank import rank
from genre_models.preferences.features import FEATURES_VERSION
from genre_models.preferences.population import Population
from genre_models.preferences.posterior import base_prior
from schemas.feedback import Feedback
from schemas.population import PopulationSums
from tests.agents.conftest import Desk, classified, written
from tests.agents.deliveries import delivered, events, stream


def populations(desk: Desk, owned: frozenset[int] = frozenset({0, 1})) -> Populations:
    """Users whose name begins with 'a' live on partition 0, the others on partition 1."""
    return Populations(
        users=desk.ledger.users, partition_of=lambda key: 0 if key.startswith("a") else 1, owned=lambda: owned
    )


async def liked(desk: Desk, *users: str) -> None:
    for offset, user in enumerate(users):
        await events(plan(stream([delivered(classified("r", user), offset)]), desk.planner))
        await events(rank(stream([delivered(written("r", user), offset)]), desk.ranker))
        like = Feedback(user_id=user, kind="like", request_id="r", candidate_id="r/0")
        await events(learn(stream([delivered(like, offset)]), desk.learner))


async def test_sums_kept_along_the_way_equal_sums_counted_afterwards(desk: Desk) -> None:
    along = populations(desk)
    desk.ledger.exchange = along.exchange
    await liked(desk, "ada", "bea", "abe")
    counted = populations(desk)
    counted.recount()
    assert np.array_equal(along.prior(None).mean, counted.prior(None).mean)
    assert not np.array_equal(along.prior(None).mean, base_prior().mean)


async def test_partitions_add_up_whoever_owns_them(desk: Desk) -> None:
    await liked(desk, "ada", "bea")
    whole, first, second = populations(desk), populations(desk, frozenset({0})), populations(desk, frozenset({1}))
    for each in (whole, first, second):
        each.recount()
    first.apply("", second._sums((None, 1)))
    assert np.array_equal(first.prior(None).mean, whole.prior(None).mean)


async def test_tenants_do_not_teach_each_other(desk: Desk) -> None:
    along = populations(desk)
    desk.ledger.exchange = along.exchange
    await liked(desk, "ada")
    assert np.array_equal(along.prior("acme").mean, base_prior().mean)


def test_sums_of_another_recipe_and_corrupt_sums_are_left_out(desk: Desk) -> None:
    known = populations(desk)
    good = PopulationSums(
        partition=0, users=1, features_version=FEATURES_VERSION, sums=Population().pack(), time=datetime.now(UTC)
    )
    for sums, version in ((good.sums, FEATURES_VERSION + 1), (b"garbage", FEATURES_VERSION)):
        known.apply("", PopulationSums(partition=0, users=9, features_version=version, sums=sums, time=good.time))
    assert np.array_equal(known.prior(None).mean, base_prior().mean)
