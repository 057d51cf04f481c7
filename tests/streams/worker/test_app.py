"""A role can do what it declares in `streams/wire/roles.py`, and nothing else."""

from __future__ import annotations

import struct
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from typing import Any
from unittest.mock import AsyncMock, MagicMock

import pytest
from aiokafka.errors import KafkaError
from faust.exceptions import ProducerSendError
from faust.types import TP

from schemas.errors import NotReady
from schemas.preferences import PreferenceProfile
from schemas.requests import Cancel
from streams.settings import Settings
from streams.wire.roles import ROLES, Role
from streams.worker.app import RoleApp
from streams.worker.delivery import Delivery, Output, Outputs, Publish
from tests.streams.worker.fakes import Producer

SETTINGS = Settings(store="memory://")
PROFILE = PreferenceProfile(
    user_id="ada", reactions=0, row=b"", time=datetime.fromtimestamp(0, UTC)
)


async def silent(deliveries: AsyncIterator[Delivery[Any]]) -> Outputs:
    """An agent that takes everything and says nothing."""
    async for delivery in deliveries:
        with delivery:
            pass
        if delivery.event is None:
            yield delivery.output(None)


async def idle(_publish: object) -> None:
    """A timer that does nothing."""


# One without agents is no app of Faust.
APPS = [name for name, role in ROLES.items() if role.agents]


@pytest.fixture(name="app", params=APPS)
async def _app(request: pytest.FixtureRequest) -> RoleApp:
    return RoleApp(ROLES[request.param], SETTINGS)


async def test_what_is_not_declared_is_refused_at_start(app: RoleApp) -> None:
    refused = (
        lambda: app.bind("eavesdrop", silent),
        lambda: app.follow("recommendations", lambda key, event: None),
        lambda: app.keep("secrets"),
        lambda: app.beside("spam", idle),
    )
    for attempt in refused:
        with pytest.raises(NotReady, match="declares it") as caught:
            attempt()
        assert caught.value.code == "undeclared"


async def test_what_is_not_declared_cannot_be_written(app: RoleApp) -> None:
    producer = Producer()
    app.producer = producer
    cancel = Cancel(request_id="r", user_id="ada")  # written by clients alone
    agents, timers = app.role.agents, app.role.timers
    for writes in (*(each.writes for each in agents), *(each.writes for each in timers)):
        with pytest.raises(NotReady, match="cancellations"):
            await app._outbox(writes).publish(Output(event=cancel))
    assert producer.sent == []


@pytest.mark.parametrize("name", APPS)
async def test_a_role_binds_all_that_it_declares(name: str) -> None:
    role = import_module(f"agents.{name}.role")
    # A role with models is attached to them after they are loaded.
    with_models = hasattr(role, "attached")
    app = role.attached(SETTINGS, MagicMock()) if with_models else role.build(SETTINGS)
    assert bound(app) == declared(app.role)


async def test_a_stop_waits_longer_for_events_than_a_rebalance_and_within_its_limit(
    app: RoleApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_a_rebalance = app.patience
    assert in_a_rebalance < app.conf.broker_rebalance_timeout
    monkeypatch.setattr(type(app), "should_stop", True)
    assert in_a_rebalance < app.patience < SETTINGS.stop_limit


async def test_a_rebalance_leaves_the_consumer_of_a_worker_that_stops_alone(
    app: RoleApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(app), "should_stop", True)
    app.consumer = MagicMock()
    await app._on_partitions_revoked({TP("genre.requests", 0)})
    await app._on_partitions_assigned({TP("genre.requests", 0)}, 2)
    app.consumer.close.assert_not_called()


async def test_another_worker_takes_over_within_fifteen_seconds_at_the_defaults(
    app: RoleApp,
) -> None:
    conf = app.conf
    lost = conf.broker_session_timeout + conf.broker_heartbeat_interval
    assert conf.broker_session_timeout >= 6
    assert lost + app.patience <= 13  # and two to recover


def bound(app: RoleApp) -> tuple[set[str], set[str], set[str]]:
    """Agents, followed topics and tables of an app."""
    followed = {follower._topic.name for follower in app.followers}
    agents = {agent.name.rpartition(".")[2] for agent in app.agents.values()}
    return agents, followed, set(app.tables)


def declared(role: Role) -> tuple[set[str], set[str], set[str]]:
    """The same of a role, as data."""
    return {agent.name for agent in role.agents}, set(role.follows), set(role.tables)


@pytest.mark.parametrize(
    "end", [ConnectionError(), KafkaError(), ProducerSendError(), NotReady("undeclared", "no")]
)
async def test_a_timer_outlives_what_data_may_cause_and_what_is_too_large(
    monkeypatch: pytest.MonkeyPatch, end: Exception
) -> None:
    monkeypatch.setattr("streams.worker.app._AGAIN", 0.0)
    app, producer, runs = RoleApp(ROLES["recommend"], SETTINGS), Producer(), iter("abc")
    app.producer = producer
    producer.largest = {"genre.preferences": 10}
    tasks: list[Any] = []
    monkeypatch.setattr(app, "task", tasks.append)

    async def work(publish: Publish) -> None:
        match next(runs):
            case "a":
                raise OverflowError
            case "b":
                await publish(PROFILE)
                raise struct.error
            case _:
                raise end

    app.beside("profiles", work)
    with pytest.raises(type(end)):
        await tasks[0]()
    assert app.counts == {"timer_failed": 2, "output_too_large": 1}


@pytest.mark.parametrize("error", [None, ValueError()])
async def test_a_worker_is_ready_once_what_it_must_do_first_has_run(
    monkeypatch: pytest.MonkeyPatch, error: Exception | None
) -> None:
    app = RoleApp(ROLES["generate"], SETTINGS)
    app.producer = Producer()
    told: list[tuple[bool, str | None]] = []
    tasks: list[Any] = []
    monkeypatch.setattr(RoleApp, "ready", True)
    monkeypatch.setattr(app, "task", tasks.append)
    monkeypatch.setattr("streams.worker.app._AGAIN", 0.0)

    async def work(publish: Publish) -> None:
        told.append((app.state()["ready"], app.state()["reason"]))
        if error is not None and len(told) == 1:
            raise error

    assert app.state()["ready"]
    app.beside("announce", work, awaited=True)
    await tasks[0]()
    assert told == [(False, "before its first announce"), (True, None)][: 2 if error else 1]
    assert app.state()["ready"] and app.state()["reason"] is None


async def test_the_ends_of_the_agents_partitions_are_known_or_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    app = RoleApp(ROLES["recommend"], SETTINGS)
    app.consumer = MagicMock()
    mine, other = TP("genre.feedback", 1), TP("genre.recommend-preferences-changelog", 1)
    app.consumer.assignment.return_value = {mine, other}
    app.consumer.highwaters = AsyncMock(return_value={mine: 7})
    assert await app.ends() == {("genre.feedback", 1): 7}
    app.consumer.highwaters.assert_awaited_once_with(mine)
    app.consumer.highwaters = AsyncMock(side_effect=ConnectionError)
    assert await app.ends() == {}


@pytest.fixture(name="clusters")
def _clusters(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The id of the cluster at each address."""
    clusters = {"kafka:9092": "one", "kafka.internal:9092,kafka-2:9092": "one"}

    async def cluster_id(settings: Settings) -> str:
        return clusters[settings.brokers]

    monkeypatch.setattr("streams.worker.app.cluster_id", cluster_id)
    return clusters


async def folder(state: Path, **changes: str) -> Path:
    """Where a worker keeps its tables once it has started."""
    settings = Settings(**({"brokers": "kafka:9092"} | changes), state=state)  # type: ignore[arg-type]
    app = RoleApp(ROLES["recommend"], settings)
    await app.on_first_start()
    assert app.conf.tabledir.is_dir() and app.conf.tabledir.is_relative_to(app.conf.datadir)
    return Path(app.conf.datadir)


async def test_tables_belong_to_a_cluster_however_its_brokers_are_named(
    tmp_path: Path, clusters: dict[str, str]
) -> None:
    here = await folder(tmp_path)
    assert here.is_relative_to(tmp_path) and here.name == "recommend"
    assert await folder(tmp_path, brokers="kafka.internal:9092,kafka-2:9092") == here
    assert await folder(tmp_path, prefix="other.") != here
    clusters["kafka:9092"] = "two"
    assert await folder(tmp_path) != here


async def test_each_run_of_the_embedded_broker_has_tables_of_its_own(
    tmp_path: Path, clusters: dict[str, str]
) -> None:
    clusters.clear()  # nobody asks
    runs = [await folder(tmp_path, incarnation=run) for run in ("one", "two", "one")]
    assert runs[0] == runs[2] != runs[1]


async def test_tables_of_an_earlier_version_are_told_and_not_used(
    tmp_path: Path, clusters: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    # As 0.1.0 named it: brokers, prefix and incarnation.
    former = tmp_path / sha256(b"kafka:9092/genre./").hexdigest()[:12] / "recommend"
    assert await folder(tmp_path) != former and not caplog.records
    former.mkdir(parents=True)
    assert await folder(tmp_path) != former
    assert str(former) in caplog.text and "remove" in caplog.text
