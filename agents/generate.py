"""generate: the arms of one request come in, its candidates (or a coded failure) go out, and pieces on the way."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from functools import partial
from typing import Protocol

from agents.registry import Registry, announcement
from genre_models.adapters import AdapterStore
from genre_models.taxonomy import Taxonomy
from schemas.adapters import AdapterEvent
from schemas.candidates import CandidateSet
from schemas.errors import ModelError
from schemas.generations import GenerationTask
from schemas.progress import Progress
from schemas.requests import Cancel
from streams.app import RoleApp, bind
from streams.delivery import Delivery, Output, Outputs
from streams.follower import Follower
from streams.topics import BY_NAME

log = logging.getLogger(__name__)


class Writer(Protocol):
    """Writes candidates; many requests at a time share its engine."""

    async def room(self, task: GenerationTask) -> None:
        """Return when the engine can take this task's rows: the back pressure towards the stream."""

    def cancel(self, key: str, cancellation: Cancel | None) -> None:
        """Stop a request that is being written, or refuse it when it comes."""

    def follow(self, key: str, event: AdapterEvent | None) -> None:
        """Take a record of the registry: a genre to know, an adapter to fetch."""

    def write(self, task: GenerationTask) -> AsyncIterator[Progress | CandidateSet]:
        """Pieces (for tasks that stream), and at last exactly one CandidateSet; never raises."""


Written = tuple[Delivery[GenerationTask], Progress | CandidateSet]


async def generate(tasks: AsyncIterator[Delivery[GenerationTask]], writer: Writer) -> Outputs:
    """Keep the engine full; every task is finished when its candidates are published, in whatever order."""
    written: asyncio.Queue[Written | None] = asyncio.Queue()
    feeding = asyncio.create_task(_feed(tasks, writer, written))
    try:
        while (item := await written.get()) is not None:
            delivery, event = item
            if isinstance(event, CandidateSet):
                with delivery:
                    yield delivery.output(event)
            else:
                yield delivery.output(event)
        await feeding
    finally:
        feeding.cancel()


async def _feed(
    tasks: AsyncIterator[Delivery[GenerationTask]], writer: Writer, written: asyncio.Queue[Written | None]
) -> None:
    try:
        async with asyncio.TaskGroup() as writing:
            async for delivery in tasks:
                await writer.room(delivery.event)
                writing.create_task(_write(delivery, writer, written))
    finally:
        await written.put(None)


async def _write(delivery: Delivery[GenerationTask], writer: Writer, written: asyncio.Queue[Written | None]) -> None:
    async for event in writer.write(delivery.event):
        await written.put((delivery, event))


def attach(app: RoleApp, writer: Writer) -> None:
    """Bind the agent to `generations`, and its writer to the cancellations and the adapters."""
    bind(app, "generations", partial(generate, writer=writer), name="generate")
    app.followers.append(Follower(app.genre_settings, BY_NAME["cancellations"], writer.cancel))
    app.followers.append(Follower(app.genre_settings, BY_NAME["adapters"], writer.follow))


def announce(app: RoleApp, store: AdapterStore, registry: Registry) -> None:
    """At start, publish the adapters of the worker's own store that the registry does not know yet."""
    shipped = Taxonomy.load()

    @app.task
    async def announce_own() -> None:
        for name in store.names():
            if registry.knows(str(name)):
                continue
            try:
                adapter = await asyncio.to_thread(store.verified, name)
            except ModelError as error:
                log.warning("%s is not announced: %s", name, error)
                continue
            if adapter.card.about is not None or name.genre in shipped:
                await app.outbox.publish(Output(event=announcement(adapter, shipped)))
