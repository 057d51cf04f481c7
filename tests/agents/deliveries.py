"""Feeding agents lists: deliveries without Kafka, with every event taken through the codec as Kafka
would."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import aclosing
from dataclasses import replace
from typing import TypeVar

from streams.wire.codecs import decode, encode
from streams.wire.headers import Headers
from streams.wire.roles import ROLES, Agent
from streams.wire.source import Source
from streams.wire.topics import BY_EVENT
from streams.worker.delivery import Delivery, Output, Outputs, Tombstone, opened

E = TypeVar("E")
AGENTS = {agent.name: agent for role in ROLES.values() for agent in role.agents}
NOW = 1_795_000_000.0
"""Record time of the first delivery, seconds since the epoch: in November 2026."""


def delivered(
    event: E, offset: int = 0, *, time: float = NOW, headers: Headers = ()
) -> Delivery[E]:
    """A delivery of one event."""
    topic = BY_EVENT[type(event)]
    source = Source(
        topic=f"genre.{topic.name}",
        partition=0,
        offset=offset,
        timestamp=time,
        key=topic.key(event).encode(),
        value=encode(event),
        headers=headers,
    )
    return replace(opened(source, topic), id=f"{topic.name}-0-{offset}")


async def stream(deliveries: Iterable[Delivery[E]]) -> AsyncIterator[Delivery[E]]:
    """What an agent reads."""
    for delivery in deliveries:
        yield delivery


async def outputs(agent: Outputs) -> list[Output]:
    """Everything that an agent yields, as `published`."""
    return [output async for output in published(agent)]


async def published(agent: Outputs) -> Outputs:
    """What an agent yields as its readers get it: encoded, decoded, on declared topics.

    The generator has the name of its function, and that is the agent's in `streams/wire/roles.py`.
    Closing it closes the agent.
    """
    name: str = agent.__name__  # type: ignore[attr-defined]
    async with aclosing(agent):
        async for output in agent:
            yield _as_read(output, AGENTS[name])


async def events(agent: Outputs) -> list[object]:
    """The events that an agent yields."""
    return [output.event for output in await outputs(agent)]


def _as_read(output: Output, agent: Agent) -> Output:
    event = output.event
    if isinstance(event, Tombstone):
        assert event.topic in agent.writes
        return output
    assert BY_EVENT[type(event)].name in agent.writes
    return replace(output, event=decode(encode(event), type(event)))
