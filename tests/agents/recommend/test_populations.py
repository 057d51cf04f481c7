from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from agents.recommend.learn import learn
from agents.recommend.plan import plan
from agents.recommend.populations import Populations, _record
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
from streams.worker.delivery import Tombstone
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


def record(known: Populations, tenant: str | None, partition: int) -> PopulationSums:
    """What would be published of a place."""
    return _record((tenant, partition), known._own[tenant][partition])


async def liked(desk: Desk, *users: str) -> None:
    for offset, user in enumerate(users):
        await events(plan(stream([delivered(classified("r", user), offset)]), desk.planner))
        await events(rank(stream([delivered(written("r", user), offset)]), desk.ranker))
        like = Feedback(user_id=user, kind="like", request_id="r", candidate_id="r/0")
        await events(learn(stream([delivered(like, offset)]), desk.learner))


async def test_sums_kept_along_the_way_equal_sums_counted_afterwards(desk: Desk) -> None:
    along = populations(desk)
    await along.recount()
    desk.ledger.changed = along.changed
    await liked(desk, "ada", "bea", "abe")
    counted = populations(desk)
    await counted.recount()
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
        await each.recount()
    first.apply("", record(second, None, 1))
    assert np.array_equal(first.prior(None).mean, whole.prior(None).mean)


async def test_tenants_do_not_teach_each_other(desk: Desk) -> None:
    along = populations(desk)
    await along.recount()
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


@pytest.mark.parametrize("key", ["", "/", "acme", "/²", "/-1", "/" + "1" * 5000, "\ufffd/1"])
def test_a_tombstone_under_any_key_changes_nothing(desk: Desk, key: str) -> None:
    known = populations(desk)
    known.apply(key, None)
    assert known.tenants == 0


async def test_every_worker_takes_the_same_step_and_only_from_fifty_users_on(desk: Desk) -> None:
    await crowd(desk, 48)
    first, second = populations(desk, frozenset({0})), populations(desk, frozenset({1}))
    for expected in (False, True):
        for each in (first, second):
            await each.recount()
            await each.estimate()
        first.apply("", record(second, None, 1))
        second.apply("", record(first, None, 0))
        one, other = first.prior(None), second.prior(None)
        assert np.allclose(one.spread, other.spread) and np.allclose(one.mean, other.mean)
        assert (not np.array_equal(one.spread, base_prior().spread)) is expected
        await crowd(desk, 60)


async def test_an_erased_user_leaves_the_population_as_if_never_there(desk: Desk) -> None:
    await crowd(desk, 60)
    never = populations(desk)
    await never.recount()
    await never.estimate()
    await liked(desk, "ada")
    await events(rights(stream([delivered(UserCommand(user_id="ada", kind="erase"))]), desk.ledger,
                        desk.registry))  # fmt: skip
    after = populations(desk)
    await after.recount()
    await after.estimate()
    for place in ((None, 0), (None, 1)):
        assert record(after, *place).sums == record(never, *place).sums


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
    await crowded.recount()
    await crowded.estimate()
    published = record(crowded, None, 0)
    population, differed = unpacked(published.sums)
    assert population.users == published.users == 2500
    assert 500 <= differed.users <= 1000 and len(published.sums) < 31_000
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
    await before.recount()
    await before.estimate()
    loud = replace(reacted(Arm(genre="joke", family=None), 1.0), reactions=1)
    desk.ledger.users[b"a-loud"] = replace(loud, sums=(loud.sums * 5000).astype(np.int32)).pack()
    after = populations(desk)
    await after.recount()
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
    await along.recount()
    desk.ledger.changed = along.changed
    past = Feedback(user_id="ada", kind="history", genre="joke", value=1.0)
    few = [delivered(replace(past, feedback_id=f"f{k}"), k) for k in range(20)]
    await events(learn(stream(few), desk.learner))
    before = along.prior(None).mean
    many = [delivered(replace(past, feedback_id=f"f{k}"), k) for k in range(20, 300)]
    await events(learn(stream(many), desk.learner))
    along._priors = {}
    assert along._own[None][0].sums.sums[-1] / SCALE < SHARE
    assert np.abs(along.prior(None).mean - before).max() < 0.1


def sums_of(tenant: str | None, partition: int = 0, users: int = 1) -> PopulationSums:
    """What another worker publishes."""
    return PopulationSums(
        tenant=tenant,
        partition=partition,
        users=users,
        features_version=FEATURES_VERSION,
        sums=packed(Population(users), Differences()),
        time=datetime.now(UTC),
    )


async def published(known: Populations) -> list[object]:
    told: list[object] = []

    async def publish(event: object) -> None:
        told.append(event)

    await known.publish(publish)
    return told


async def test_of_tenants_that_never_reacted_nothing_is_kept_or_published(desk: Desk) -> None:
    along = populations(desk)
    await along.recount()
    desk.ledger.changed = along.changed
    for number in range(50):
        asked = classified("r", f"user-{number}", tenant=f"invented-{number}")
        await events(plan(stream([delivered(asked)]), desk.planner))
        assert np.array_equal(along.prior(f"invented-{number}").mean, base_prior().mean)
    along.catch_up()
    assert (along._own, along._priors, along._others, along.tenants) == ({}, {}, {}, 0)
    await along.estimate()
    assert await published(along) == []


async def test_a_prior_costs_what_its_tenant_has(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    known, read = populations(desk), 0
    for number in range(200):
        known.apply("", sums_of(f"t{number}", number % 2))

    def counted(data: bytes) -> tuple[Population, Differences]:
        nonlocal read
        read += 1
        return unpacked(data)

    monkeypatch.setattr("agents.recommend.populations.unpacked", counted)
    known.prior("t7")
    known.prior("unheard-of")
    assert (read, known.tenants) == (1, 200)


async def test_a_record_of_nobody_ends(desk: Desk) -> None:
    along = populations(desk)
    await along.recount()
    desk.ledger.changed = along.changed
    like = Feedback(user_id="ada", tenant="acme", kind="history", genre="joke", value=1.0)
    await events(learn(stream([delivered(like)]), desk.learner))
    along.catch_up()
    (told,) = await published(along)
    assert isinstance(told, PopulationSums) and (told.tenant, told.users) == ("acme", 1)
    erase = UserCommand(user_id="ada", tenant="acme", kind="erase")
    await events(rights(stream([delivered(erase, 1)]), desk.ledger, desk.registry))
    along.catch_up()
    place = "acme/0"
    assert await published(along) == [Tombstone(topic="population", key=place)]
    along.apply(place, None)
    assert (along._own, along._others, await published(along)) == ({}, {}, [])


async def test_whoever_owns_a_partition_deletes_what_earlier_versions_said_of_nobody(
    desk: Desk,
) -> None:
    known = populations(desk, frozenset({1}))
    for record_ in (sums_of("a", 1, users=0), sums_of("b", 1), sums_of("c", 0, users=0)):
        known.apply(f"{record_.tenant}/{record_.partition}", record_)
    await known.recount()
    assert await published(known) == [
        Tombstone(topic="population", key="a/1"),
        Tombstone(topic="population", key="b/1"),
    ]


async def test_rows_that_change_while_they_are_counted_count_once(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.worker.tables._SLICE", 0.0)
    many(desk, 40)
    along = populations(desk)
    desk.ledger.changed = along.changed
    counting = asyncio.create_task(along.recount())
    for offset, user in enumerate(["a1", "a39", "a-new", "a20", "a1"]):
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        past = Feedback(user_id=user, kind="history", genre="sms", value=1.0)
        await events(learn(stream([delivered(past, offset)]), desk.learner))
        along.prior(None)
        assert not counting.done()
    await counting
    afterwards = populations(desk)
    await afterwards.recount()
    assert along.changed == {} and along._own[None][0].sums.users == 41
    assert record(along, None, 0).sums == record(afterwards, None, 0).sums


async def test_while_partitions_are_counted_what_was_published_of_them_stands(desk: Desk) -> None:
    many(desk, 40)
    first, second = populations(desk), populations(desk)
    await first.recount()
    second.apply("", record(first, None, 0))
    assert np.array_equal(second.prior(None).mean, first.prior(None).mean)
    second.recover()
    assert np.array_equal(second.prior(None).mean, first.prior(None).mean)


@pytest.mark.parametrize("back", [False, True])
async def test_a_count_during_which_partitions_move_is_none(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, back: bool
) -> None:
    monkeypatch.setattr("streams.worker.tables._SLICE", 0.0)
    many(desk, 10)
    owned = frozenset({0, 1})
    moving = populations(desk)
    moving.owned = lambda: owned
    counting = asyncio.create_task(moving.recount())
    await asyncio.sleep(0)
    if back:
        moving.recover()
    else:
        owned = frozenset({1})
    await counting
    assert (moving._own, moving._counted) == ({}, frozenset())


async def test_a_row_that_a_former_assignment_left_behind_is_not_used(desk: Desk) -> None:
    many(desk, 3)
    here = populations(desk, frozenset({1}))
    await here.recount()
    here.changed["a1"] = UserRow()
    here.catch_up()
    await here.estimate()
    assert (here._own, here.changed, await published(here)) == ({}, {}, [])


async def test_an_e_step_reads_whom_it_asks_and_nobody_else(desk: Desk) -> None:
    many(desk, 2500)
    crowded = populations(desk)
    await crowded.recount()

    class Rows(dict[bytes, bytes]):
        read = 0

        def get(self, key: bytes, default: Any = None) -> Any:
            Rows.read += 1
            return super().get(key, default)

        def items(self) -> Any:
            raise AssertionError("all rows were read")

    crowded.users = Rows(desk.ledger.users)
    await crowded.estimate()
    assert 500 <= Rows.read <= 1000
