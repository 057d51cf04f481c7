"""A role can do what it declares in `streams/wire/roles.py`, and nothing else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from importlib import import_module
from typing import Any
from unittest.mock import MagicMock

import pytest

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


def bound(app: RoleApp) -> tuple[set[str], set[str], set[str]]:
    """Agents, followed topics and tables of an app."""
    followed = {follower._topic.name for follower in app.followers}
    agents = {agent.name.rpartition(".")[2] for agent in app.agents.values()}
    return agents, followed, set(app.tables)


def declared(role: Role) -> tuple[set[str], set[str], set[str]]:
    """The same of a role, as data."""
    return {agent.name for agent in role.agents}, set(role.follows), set(role.tables)
