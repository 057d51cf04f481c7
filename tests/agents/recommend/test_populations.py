from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from agents.recommend.learn import learn
from agents.recommend.plan import plan
from agents.recommend.populations import Populations
from agents.recommend.rank import rank
from agents.recommend.rights import rights
from genre_models.preferences.empirical_bayes import (
    Differences,
    differences,
    packed,
    prior_of,
    unpacked,
)
from genre_models.preferences.features import FEATURES_VERSION, Arm, arm_features
from genre_models.preferences.learner import Shown, learn_one
from genre_models.preferences.moments import SCALE
from genre_models.preferences.population import SHARE, Population
from genre_models.preferences.posterior import base_prior
from genre_models.preferences.row import UserRow
from genre_models.preferences.signals import Kind, Signal
from schemas.feedback import Feedback
from schemas.population import PopulationSums
from schemas.users import UserCommand
from tests.agents.deliveries import NOW, delivered, events, stream
from tests.agents.recommend.conftest import Desk, classified, written


def populations(desk: Desk, owned: frozenset[int] = frozenset({0, 1})) -> Populations:
    """Users whose name begins with 'a' live on partition 0, the others on partition 1."""
    return Populations(
        users=desk.ledger.users,
        partition_of=lambda key: 0 if key.startswith("a") else 1,
        owned=lambda: owned,
        partitions=2,
    )


async def liked(desk: Desk, *users: str) -> None:
    for offset, user in enumerate(users):
        await events(plan(stream([delivered(classified("r", user), offset)]), desk.planner))
        await events(rank(stream([delivered(written("r", user), offset)]), desk.ranker))
        like = Feedback(user_id=user, kind="like", request_id="r", candidate_id="r/0")
        await events(learn(stream([delivered(like, offset)]), desk.learner))


async def test_sums_kept_along_the_way_equal_sums_counted_afterwards(desk: Desk) -> None:
    along = populations(desk)
    desk.ledger.changed = along.changed
    await liked(desk, "ada", "bea", "abe")
    counted = populations(desk)
    counted.recount()
    assert np.array_equal(along.prior(None).mean, counted.prior(None).mean)
    assert not np.array_equal(along.prior(None).mean, base_prior().mean)


async def test_partitions_add_up_whoever_owns_them(desk: Desk) -> None:
    await liked(desk, "ada", "bea")
    whole, first, second = (
        populations(desk),
        populations(desk, frozenset({0})),
        populations(desk, frozenset({1})),
    )
    for each in (whole, first, second):
        each.recount()
    first.apply("", second._sums((None, 1)))
    assert np.array_equal(first.prior(None).mean, whole.prior(None).mean)


async def test_tenants_do_not_teach_each_other(desk: Desk) -> None:
    along = populations(desk)
    desk.ledger.changed = along.changed
    await liked(desk, "ada")
    assert np.array_equal(along.prior("acme").mean, base_prior().mean)


def test_sums_of_another_recipe_and_corrupt_sums_are_left_out(desk: Desk) -> None:
    known = populations(desk)
    good = PopulationSums(
        partition=0,
        users=1,
        features_version=FEATURES_VERSION,
        sums=packed(Population(), Differences()),
        time=datetime.now(UTC),
    )
    dead = replace(good, partition=2)
    for bad in (
        replace(good, features_version=FEATURES_VERSION + 1),
        replace(good, sums=b"garbage"),
        dead,
    ):
        known.apply("", bad)
    assert known.counts["population_left_out"] == 3
    assert np.array_equal(known.prior(None).mean, base_prior().mean)


async def crowd(desk: Desk, count: int) -> None:
    """Users on both partitions who like joke and dislike poetry, or the reverse."""
    for number in range(count):
        for place, genre in enumerate(("joke", "poetry")):
            liking = float(place == number % 3 > 0)
            user = f"{'ab'[number % 2]}{number}"
            past = Feedback(
                user_id=user,
                kind="history",
                genre=genre,
                value=liking,
                feedback_id=f"{number}-{place}",
            )
            await events(learn(stream([delivered(past, 2 * number + place)]), desk.learner))


async def test_every_worker_takes_the_same_step_and_only_from_fifty_users_on(desk: Desk) -> None:
    await crowd(desk, 48)
    first, second = populations(desk, frozenset({0})), populations(desk, frozenset({1}))
    for expected in (False, True):
        for each in (first, second):
            each.recount()
            await each.estimate()
        first.apply("", second._sums((None, 1)))
        second.apply("", first._sums((None, 0)))
        one, other = first.prior(None), second.prior(None)
        assert np.allclose(one.spread, other.spread) and np.allclose(one.mean, other.mean)
        assert (not np.array_equal(one.spread, base_prior().spread)) is expected
        await crowd(desk, 60)


async def test_an_erased_user_leaves_the_population_as_if_never_there(desk: Desk) -> None:
    await crowd(desk, 60)
    never = populations(desk)
    never.recount()
    await never.estimate()
    await liked(desk, "ada")
    await events(rights(stream([delivered(UserCommand(user_id="ada", kind="erase"))]), desk.ledger,
                        desk.registry))  # fmt: skip
    after = populations(desk)
    after.recount()
    await after.estimate()
    for place in ((None, 0), (None, 1)):
        assert after._sums(place).sums == never._sums(place).sums


def many(desk: Desk, count: int) -> None:
    """Users of partition 0 who like one genre in three and have said so twice, more or less."""
    taught = [
        reacted(Arm(genre=genre, family=None), liked)
        for genre in ("joke", "poetry", "sms")
        for liked in (0.0, 1.0)
    ]
    for number in range(count):
        row = taught[number * 7 % 6]
        desk.ledger.users[f"a{number}".encode()] = row.pack()


def reacted(arm: Arm, liked: float) -> UserRow:
    """The row of somebody who said twice how they like an arm."""
    row = UserRow()
    for number in (1, 2):
        shown = Shown(
            decision=number, features=arm_features(arm)[None, :], positions=(0,), predicted=(0.5,)
        )
        said = Signal(
            id=number,
            decision=number,
            candidate=0,
            kind=Kind.HISTORY,
            time=int(NOW),
            weight=1.0,
            target=liked,
        )
        row = learn_one(row, said, shown, NOW).row
    return row


async def test_of_many_users_an_even_sample_is_asked_and_tells_the_same(desk: Desk) -> None:
    many(desk, 2500)
    crowded = populations(desk)
    crowded.recount()
    await crowded.estimate()
    published = crowded._sums((None, 0))
    population, differed = unpacked(published.sums)
    assert population.users == published.users == 2500
    assert 500 <= differed.users <= 1000 and len(published.sums) < 30_000
    everybody = differences(
        [UserRow.unpack(row) for row in desk.ledger.users.values()], base_prior()
    )
    whole, sampled = prior_of(population, everybody), crowded.prior(None)
    for genre in ("joke", "poetry", "sms"):
        phi = arm_features(Arm(genre=genre, family=None)).astype(np.float64)
        assert phi @ sampled.mean == pytest.approx(phi @ whole.mean, abs=0.05)
        assert phi @ sampled.spread @ phi == pytest.approx(phi @ whole.spread @ phi, rel=0.15)


async def test_a_user_among_many_moves_the_prior_by_a_bounded_amount(desk: Desk) -> None:
    many(desk, 400)
    before = populations(desk)
    before.recount()
    await before.estimate()
    loud = replace(reacted(Arm(genre="joke", family=None), 1.0), reactions=1)
    desk.ledger.users[b"a-loud"] = replace(loud, sums=(loud.sums * 5000).astype(np.int32)).pack()
    after = populations(desk)
    after.recount()
    await after.estimate()
    phi = arm_features(Arm(genre="joke", family=None)).astype(np.float64)
    moved = phi @ after.prior(None).mean - phi @ before.prior(None).mean
    assert 0 < moved < 1 / 100


async def test_one_user_moves_the_population_by_a_bounded_amount(desk: Desk) -> None:
    along = Populations(
        users=desk.ledger.users,
        partition_of=lambda key: 0,
        owned=lambda: frozenset({0}),
        partitions=1,
    )
    desk.ledger.changed = along.changed
    past = Feedback(user_id="ada", kind="history", genre="joke", value=1.0)
    few = [delivered(replace(past, feedback_id=f"f{k}"), k) for k in range(20)]
    await events(learn(stream(few), desk.learner))
    before = along.prior(None).mean
    many = [delivered(replace(past, feedback_id=f"f{k}"), k) for k in range(20, 300)]
    await events(learn(stream(many), desk.learner))
    along._priors = {}
    assert along._own[(None, 0)].sums[-1] / SCALE < SHARE
    assert np.abs(along.prior(None).mean - before).max() < 0.1
