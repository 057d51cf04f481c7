"""From Faust's stream to deliveries, and back to Faust's acknowledgements.

An event is acknowledged only when its delivery is finished, its outputs and its dead letter stand
in Kafka, and every earlier event of its partition is acknowledged too: Faust commits past in-flight
events when acks come out of order. Until then this module holds a reference of its own to the
message, also through a cancellation.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter, defaultdict, deque
from collections.abc import AsyncIterator, Callable
from functools import partial
from itertools import takewhile
from typing import Any, Generic, NoReturn, TypeVar

from schemas.errors import InvalidEvent, Rejected
from streams.ending import give_up
from streams.wire.dead_letters import dead_letter
from streams.wire.headers import REKEYED, carried
from streams.wire.partitions import is_misplaced
from streams.wire.source import Source
from streams.wire.times import is_misdated
from streams.wire.topics import Topic
from streams.worker.delivery import Delivery, Output, Outputs, opened
from streams.worker.outbox import Outbox
from streams.worker.tables import Flush, nothing_to_flush

E = TypeVar("E")
Agent = Callable[[AsyncIterator[Delivery[E]]], Outputs]

log = logging.getLogger(__name__)


class Inbox(Generic[E]):
    """The deliveries of one topic for one agent of one worker.

    `counts` gets `misplaced` and `misdated`, records that were published again; `output_too_large`.
    """

    def __init__(
        self,
        topic: Topic,
        outbox: Outbox,
        *,
        group: str,
        partitions: int,
        consumer: Callable[[], Any],
        flush: Flush = nothing_to_flush,
        counts: Counter[str] | None = None,
    ) -> None:
        self._topic = topic
        self._outbox = outbox
        self._group = group
        self._partitions = partitions
        self._consumer = consumer
        self._waiting: dict[int, deque[tuple[Any, Delivery[Any]]]] = defaultdict(deque)
        self._finished = asyncio.Event()
        self._flush = flush
        self._counts: Counter[str] = Counter() if counts is None else counts

    @property
    def in_flight(self) -> int:
        """Events that were received and are not acknowledged."""
        return sum(len(waiting) for waiting in self._waiting.values())

    async def run(self, stream: Any, agent: Agent[E]) -> None:
        """Drive `agent` for ever: publish what it yields, acknowledge what it has finished.

        Whatever leaves the agent or cannot be published ends the process: nothing is committed past
        it.
        """
        acknowledging = asyncio.create_task(self._acknowledge())
        try:
            async for output in agent(self.deliveries(stream)):
                await self._publish(output)
        except Exception as error:
            self._give_up(error)
        finally:
            acknowledging.cancel()

    async def _publish(self, output: Output) -> None:
        try:
            await self._outbox.publish(output)
        except Rejected as error:
            if output.cause is None:
                raise
            self._counts[error.code] += 1
            output.cause.failure = error

    async def deliveries(self, stream: Any) -> AsyncIterator[Delivery[E]]:
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
        now = time.time()
        wrong = self._wrong(delivery, now)
        if wrong is not None:
            await self._put_right(delivery, wrong, now)
            delivery.finished = True
        return delivery

    def _wrong(self, delivery: Delivery[E], now: float) -> str | None:
        """What is wrong about where a record lies, or about its time."""
        if is_misplaced(delivery.event, delivery.source, self._topic, self._partitions):
            return "misplaced"
        return "misdated" if is_misdated(delivery.source, self._topic, now) else None

    async def _put_right(self, delivery: Delivery[E], wrong: str, now: float) -> None:
        """Publish a record again, once: under its user's key, as of now, with the id it had here.

        One that says that it was published again would circulate for ever: it fails.
        """
        source = delivery.source
        if any(name == REKEYED for name, _ in source.headers):
            delivery.failure = InvalidEvent(
                wrong,
                "Expected a record that was published again to lie under its user's key with a "
                f"time up to now, got {source} with the time {source.timestamp}; are there "
                f"{self._partitions} partitions, and do the workers' clocks agree?",
            )
            return
        log.warning("%s: %s; published again", source, wrong)
        self._counts[wrong] += 1
        own = ("ce_id", delivery.id.encode()), (REKEYED, str(source).encode())
        await self._outbox.put_later(
            source,
            self._topic.key(delivery.event).encode(),
            (*carried(source.headers), *own),
            timestamp=now,
            on_refused=partial(setattr, delivery, "failure"),
        )

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
