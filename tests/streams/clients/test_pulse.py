"""What aiokafka keeps to itself is seen: how far it fetches, and that it will never go on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.errors import GroupAuthorizationFailedError

from streams.clients.embedded_broker import EmbeddedBroker
from streams.clients.pulse import fatal, fetches, knows_its_coordinator
from streams.clients.reader import Reader
from tests.streams.clients.traffic import put


async def test_a_consumer_shows_how_far_each_partition_was_fetched(broker: EmbeddedBroker) -> None:
    await put(broker.settings, "genre.adapters", b"one", b"two", key=b"k")
    async with Reader(broker.settings, "genre.adapters") as reader:
        first = fetches(reader.consumer)
        while not await reader.is_read():
            await reader.take()
        await asyncio.sleep(0.05)
        while (after := fetches(reader.consumer)) and any(
            not each.answered for each in after.values()
        ):
            await reader.take()
    assert set(first) == {("genre.adapters", 0), ("genre.adapters", 1)}
    assert sorted((each.position, each.end) for each in after.values()) == [(0, 0), (2, 2)]
    assert not any(each.buffered for each in after.values())
    assert fatal(reader.consumer) is None


def consumer(coordinator: Any = None, **changes: Any) -> Any:
    """The part of a consumer that is looked at; it is well."""
    running: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    group = object.__new__(GroupCoordinator)
    group._coordination_task, group._pending_exception = running, None
    vars(group).update({"coordinator_id": 1} | changes.pop("group", {}))
    known = {
        "_closed": False,
        "_coordinator": group,
        "_fetcher": SimpleNamespace(_fetch_task=running),
    }
    return SimpleNamespace(**known | changes, _subscription=SimpleNamespace(subscription=None))


def ended(error: Exception | None = None) -> asyncio.Future[None]:
    """A task that has ended."""
    task: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    if error is not None:
        task.set_exception(error)
        task.exception()
    else:
        task.set_result(None)
    return task


REFUSED = GroupAuthorizationFailedError("genre.train")


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        (dict, type(None)),
        (lambda: {"group": {"_pending_exception": REFUSED}}, GroupAuthorizationFailedError),
        (lambda: {"group": {"_coordination_task": ended(REFUSED)}}, GroupAuthorizationFailedError),
        (lambda: {"group": {"_coordination_task": ended()}}, RuntimeError),
        (lambda: {"_fetcher": SimpleNamespace(_fetch_task=ended(OSError()))}, OSError),
        (lambda: {"group": {"_pending_exception": REFUSED}, "_closed": True}, type(None)),
    ],
)
async def test_an_error_that_aiokafka_keeps_is_seen(
    changes: Callable[[], dict[str, Any]], error: type
) -> None:
    assert isinstance(fatal(consumer(**changes())), error)


async def test_a_group_without_a_coordinator_and_a_consumer_without_an_assignment() -> None:
    assert knows_its_coordinator(consumer())
    lost = consumer(group={"coordinator_id": None})
    assert not knows_its_coordinator(lost) and fetches(lost) == {}
