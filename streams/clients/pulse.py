"""What an aiokafka consumer shows of its life: its fetches, and the error that it keeps to itself.

aiokafka keeps a fatal error until somebody polls with `getmany` and lets everything stand until
then; Faust polls in another way. Everything here only reads, from any thread.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

from aiokafka.consumer.group_coordinator import GroupCoordinator


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """How far the fetches of one partition have come."""

    answered: int | None
    """Of the newest answer of the partition's leader; only its changes mean something."""
    position: int | None
    """The next offset to be taken."""
    end: int | None
    """The partition's end, as that answer told."""
    buffered: bool
    """Whether records were fetched that nobody has taken: the partition is not asked for then."""


def fetches(consumer: Any) -> dict[tuple[str, int], Fetched]:
    """The fetches of every assigned partition; none while there is no assignment."""
    subscription = consumer._subscription.subscription
    assignment = subscription.assignment if subscription is not None else None
    if assignment is None:
        return {}
    return {
        (each.topic, each.partition): _fetched(consumer, each, assignment.state_value(each))
        for each in assignment.tps
    }


def fatal(consumer: Any) -> BaseException | None:
    """The error after which a consumer stands for ever, if there is one."""
    if consumer._closed or consumer._coordinator is None:
        return None
    tasks, coordinator = [consumer._fetcher._fetch_task], consumer._coordinator
    if isinstance(coordinator, GroupCoordinator):
        if coordinator._pending_exception is not None:
            return cast(BaseException, coordinator._pending_exception)
        tasks.append(coordinator._coordination_task)
    for task in tasks:
        if task.done() and not task.cancelled():
            return task.exception() or RuntimeError("a task of aiokafka's consumer has ended")
    return None


def knows_its_coordinator(consumer: Any) -> bool:
    """Whether a consumer of a group knows the broker that keeps the group."""
    return consumer._coordinator is None or consumer._coordinator.coordinator_id is not None


def _fetched(consumer: Any, partition: Any, state: Any) -> Fetched:
    return Fetched(
        answered=state.timestamp,
        position=state.position if state.has_valid_position else None,
        end=state.highwater,
        buffered=partition in consumer._fetcher._records,
    )
