"""From Faust's stream to deliveries, and back to Faust's acknowledgements.

An event is acknowledged only when its delivery is finished, its outputs and its dead letter stand
in Kafka, and every earlier event of its partition is acknowledged too: Faust commits past in-flight
events when acks come out of order. Until then this module holds a reference of its own to the
message, also through a cancellation.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict, deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from itertools import takewhile
from typing import Any, Generic, NoReturn, TypeVar, cast

from streams.ending import give_up
from streams.wire.dead_letters import dead_letter
from streams.wire.headers import REKEYED
from streams.wire.partitions import is_misplaced
from streams.wire.source import Source
from streams.wire.topics import Topic
from streams.worker.delivery import Delivery, Outputs, opened
from streams.worker.outbox import Outbox
from streams.worker.tables import Flush, nothing_to_flush

E = TypeVar("E")
Agent = Callable[[AsyncIterator[Delivery[E]]], Outputs]

log = logging.getLogger(__name__)


class Inbox(Generic[E]):
    """The deliveries of one topic for one agent of one worker."""

    def __init__(
        self,
        topic: Topic,
        outbox: Outbox,
        *,
        group: str,
        partitions: int,
        consumer: Callable[[], Any],
        flush: Flush = nothing_to_flush,
    ) -> None:
        self._topic = topic
        self._outbox = outbox
        self._group = group
        self._partitions = partitions
        self._consumer = consumer
        self._waiting: dict[int, deque[tuple[Any, Delivery[Any]]]] = defaultdict(deque)
        self._finished = asyncio.Event()
        self._flush = flush
        self._driving: asyncio.Task[None] | None = None

    @property
    def in_flight(self) -> int:
        """Events that were received and are not acknowledged."""
        return sum(len(waiting) for waiting in self._waiting.values())

    async def run(self, stream: Any, agent: Agent[E]) -> None:
        """Publish what `agent` yields and acknowledge what it has finished, until it is abandoned.

        Whatever leaves the agent or cannot be published ends the process: nothing is committed past
        it.
        """
        self._driving = asyncio.ensure_future(self._drive(stream, agent))
        try:
            await self._driving
        except asyncio.CancelledError:
            if cast(asyncio.Task[None], asyncio.current_task()).cancelling():
                raise

    async def abandon(self) -> None:
        """Cancel what the agent is at: nothing of it is acknowledged, so it is delivered again."""
        if self._driving is not None:
            self._driving.cancel()
            await asyncio.wait({self._driving})
            self._waiting.clear()

    async def _drive(self, stream: Any, agent: Agent[E]) -> None:
        acknowledging = asyncio.create_task(self._acknowledge())
        try:
            async with (
                aclosing(self.deliveries(stream)) as deliveries,
                aclosing(agent(deliveries)) as outputs,
            ):
                async for output in outputs:
                    await self._outbox.publish(output)
        except Exception as error:
            self._give_up(error)
        finally:
            acknowledging.cancel()

    async def deliveries(self, stream: Any) -> AsyncGenerator[Delivery[E], None]:
        """Decoded events in order; undecodable ones are dead-lettered, misplaced ones put right."""
        async for event in stream.events():
            message = event.message
            message.incref()
            delivery = await self._open(message)
            self._waiting[message.partition].append((message, delivery))
            if delivery.finished:
                self._finished.set()
            else:
                yield delivery

    async def _acknowledge(self) -> None:
        """Acknowledge, by partition, the finished events before the first unfinished one."""
        try:
            while await self._finished.wait():
                self._finished.clear()
                ready = [(waiting, _finished(waiting)) for waiting in self._waiting.values()]
                # The changelogs hold what these events changed before they are committed.
                await self._flush()
                await self._outbox.settled()
                for waiting, count in ready:
                    for _ in range(count):
                        message, delivery = waiting.popleft()
                        if delivery.failure is not None:
                            await self._bury(delivery)
                        message.ack(self._consumer())
        except Exception as error:
            self._give_up(error)

    def _give_up(self, error: Exception) -> NoReturn:
        give_up(f"{self._topic.name}: cannot go on; nothing was committed past the failure", error)

    async def _open(self, message: Any) -> Delivery[E]:
        delivery: Delivery[E] = opened(Source.of(message, timestamp=message.timestamp), self._topic)
        if delivery.finished:
            return delivery
        delivery.on_finished = self._finished.set
        if is_misplaced(delivery.event, delivery.source, self._topic, self._partitions):
            await self._put_right(delivery)
        return delivery

    async def _put_right(self, delivery: Delivery[E]) -> None:
        """Publish a record again under its user's key, once, under the id that it had here."""
        source = delivery.source
        key = self._topic.key(delivery.event).encode()
        log.warning("%s: key is not the user's; published again", source)
        headers = tuple(pair for pair in source.headers if pair[0] != "ce_id")
        stamped = (*headers, ("ce_id", delivery.id.encode()), (REKEYED, str(source).encode()))
        await self._outbox.put(source.topic, key, source.value, stamped)
        delivery.finished = True

    async def _bury(self, delivery: Delivery[Any]) -> None:
        assert delivery.failure is not None
        log.warning("%s: to the dead letters: %s", delivery.source, delivery.failure)
        letter = dead_letter(
            delivery.source, delivery.failure, group=self._group, stage=self._topic.name
        )
        await self._outbox.bury(letter)


def _finished(waiting: deque[tuple[Any, Delivery[Any]]]) -> int:
    """How many events at the head are finished."""
    return sum(1 for _ in takewhile(lambda pair: pair[1].finished, waiting))
