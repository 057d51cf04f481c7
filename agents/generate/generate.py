"""generate: a request's arms come in; pieces, then its candidates or a coded failure, go out."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Protocol

from schemas.adapters import AdapterEvent
from schemas.candidates import CandidateSet
from schemas.generations import GenerationTask
from schemas.progress import Progress
from schemas.requests import Cancel
from streams.worker.delivery import Delivery, Outputs

log = logging.getLogger(__name__)


class Writer(Protocol):
    """Writes candidates; many requests at a time share its engine."""

    def alive(self) -> int:
        """Grows as long as texts are written, also those of which nothing is published yet."""

    async def room(self, task: GenerationTask) -> int:
        """Return when the engine can take this task's rows: back pressure on the stream.

        What is returned is how many drafts of each candidate there is room for.
        """

    def cancel(self, key: str, cancellation: Cancel | None) -> None:
        """Stop a request that is being written, or refuse it when it comes."""

    def follow(self, key: str, event: AdapterEvent | None) -> None:
        """Take a record of the registry: a genre to know, an adapter to fetch."""

    def write(
        self, task: GenerationTask, drafts: int = 1
    ) -> AsyncIterator[Progress | CandidateSet]:
        """Pieces (for tasks that stream), and at last exactly one CandidateSet; never raises.

        `drafts` is what `room` returned.
        """


Written = tuple[Delivery[GenerationTask], Progress | CandidateSet]


async def generate(tasks: AsyncIterator[Delivery[GenerationTask]], writer: Writer) -> Outputs:
    """Keep the engine full; a task is finished, in any order, when its candidates are published."""
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
        await asyncio.wait({feeding})


async def _feed(
    tasks: AsyncIterator[Delivery[GenerationTask]],
    writer: Writer,
    written: asyncio.Queue[Written | None],
) -> None:
    try:
        async with asyncio.TaskGroup() as writing:
            async for delivery in tasks:
                drafts = await writer.room(delivery.event)
                writing.create_task(_write(delivery, drafts, writer, written))
    finally:
        await written.put(None)


async def _write(
    delivery: Delivery[GenerationTask],
    drafts: int,
    writer: Writer,
    written: asyncio.Queue[Written | None],
) -> None:
    async for event in writer.write(delivery.event, drafts):
        await written.put((delivery, event))
