"""A role can do what it declares in `streams/wire/roles.py`, and nothing else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from importlib import import_module
from typing import Any
from unittest.mock import MagicMock

import pytest
from faust.types import TP

from schemas.errors import NotReady
from schemas.requests import Cancel
from streams.settings import Settings
from streams.wire.roles import ROLES, Role
from streams.worker.app import RoleApp
from streams.worker.delivery import Delivery, Output, Outputs
from tests.streams.worker.fakes import Producer

SETTINGS = Settings(store="memory://")


async def silent(deliveries: AsyncIterator[Delivery[Any]]) -> Outputs:
    """An agent that takes everything and says nothing."""
    async for delivery in deliveries:
        with delivery:
            pass
        if delivery.event is None:
            yield delivery.output(None)


async def idle(_publish: object) -> None:
    """A timer that does nothing."""


@pytest.fixture(name="app", params=ROLES)
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


@pytest.mark.parametrize("name", ROLES)
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
    followed = {follower._topic.name for follower in app._followers}
    agents = {agent.name.rpartition(".")[2] for agent in app.agents.values()}
    return agents, followed, set(app.tables)


def declared(role: Role) -> tuple[set[str], set[str], set[str]]:
    """The same of a role, as data."""
    return {agent.name for agent in role.agents}, set(role.follows), set(role.tables)
