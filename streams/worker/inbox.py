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
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from functools import partial
from itertools import takewhile
from typing import Any, Generic, NoReturn, TypeVar, cast

from schemas.errors import InvalidEvent, Rejected
from streams.ending import give_up
from streams.wire.dead_letters import code, dead_letter
from streams.wire.headers import REKEYED, carried
from streams.wire.partitions import is_misplaced
from streams.wire.source import Source
from streams.wire.times import is_misdated
from streams.wire.topics import Topic
from streams.worker.attempts import MOST, Attempts
from streams.worker.delivery import TRANSIENT, Delivery, Output, Outputs, opened
from streams.worker.outbox import Outbox
from streams.worker.tables import Flush, nothing_to_flush

E = TypeVar("E")
Agent = Callable[[AsyncIterator[Delivery[E]]], Outputs]

log = logging.getLogger(__name__)

PAUSES = (0.2, 1.0, 5.0)
"""Seconds before an event is tried again whose failure may pass. Its partition waits so long."""


class Inbox(Generic[E]):
    """The deliveries of one topic for one agent of one worker.

    `counts` gets `misplaced` and `misdated`, records that were published again; `output_too_large`.
    Of several groups that read a topic only the one that `vouches` for its records writes letters
    of what none of them can read, and publishes again what lies wrong.
    """

    def __init__(
        self,
        topic: Topic,
        outbox: Outbox,
        *,
        group: str,
        partitions: int,
        consumer: Callable[[], Any],
        vouches: bool = True,
        flush: Flush = nothing_to_flush,
        counts: Counter[str] | None = None,
        slowest: float = 0.0,
        alive: Callable[[], object] = lambda: None,
        attempts: Attempts | None = None,
        letters: Counter[str] | None = None,
    ) -> None:
        self._topic = topic
        self._outbox = outbox
        self._group = group
        self._partitions = partitions
        self._consumer = consumer
        self._waiting: dict[int, deque[tuple[Any, Delivery[Any]]]] = defaultdict(deque)
        self._finished = asyncio.Event()
        self._vouches = vouches
        self._flush = flush
        self._counts: Counter[str] = Counter() if counts is None else counts
        self._alive = alive
        self._moves = 0
        self.slowest = slowest
        """Seconds that one event may take."""
        self.processed: dict[int, int] = {}
        """By partition, the offset behind the last acknowledged event."""
        self._attempts = attempts or Attempts()
        self._letters: Counter[str] = Counter() if letters is None else letters
        self._driving: asyncio.Task[None] | None = None

    @property
    def stirring(self) -> object:
        """Changes with everything that is received, published or acknowledged, or is under way."""
        return self._moves, self._alive()

    @property
    def heads(self) -> dict[int, int]:
        """By partition, the offset of the oldest event that is not acknowledged."""
        return {number: held[0][0].offset for number, held in self._waiting.items() if held}

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
                    await self._publish(output)
        except Exception as error:
            self._give_up(error, blamed=True)
        finally:
            acknowledging.cancel()
            self._attempts.forgive(
                delivery.source for held in self._waiting.values() for _, delivery in held
            )

    async def _publish(self, output: Output) -> None:
        try:
            await self._outbox.publish(output)
        except Rejected as error:
            if output.cause is None:
                raise
            self._counts[error.code] += 1
            output.cause.failure = error
        except Exception as error:
            self._give_up(error)
        self._moves += 1

    async def deliveries(self, stream: Any) -> AsyncGenerator[Delivery[E], None]:
        """Decoded events in order; undecodable ones are dead-lettered, misplaced ones put right."""
        async for event in stream.events():
            message = event.message
            message.incref()
            self._moves += 1
            delivery = await self._open(message)
            self._waiting[message.partition].append((message, delivery))
            if not delivery.finished:
                await self._begin(delivery)
            if delivery.finished:
                self._finished.set()
                continue
            for pause in (*PAUSES, None):
                delivery.is_retried = pause is not None
                yield delivery
                # Still under way beside others: such an agent sees to it itself.
                if delivery.finished or delivery.failure is None or pause is None:
                    break
                await asyncio.sleep(pause)
                delivery.failure, delivery.attempts = None, delivery.attempts + 1
                self._moves += 1
            delivery.is_retried = False

    async def _begin(self, delivery: Delivery[E]) -> None:
        """Count the attempt; park an event that was in hand at each of the worker's last deaths."""
        if (deaths := self._attempts.earlier(delivery.source)) >= MOST:
            delivery.attempts, delivery.finished = deaths, True
            delivery.failure = Rejected(
                "poison", f"Its worker ended {deaths} times in a row while it was in hand."
            )
        else:
            delivery.attempts = await self._attempts.begin(delivery.source)

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
                        self._attempts.end(delivery.source)
                        self.processed[message.partition] = message.offset + 1
                        self._moves += 1
        except Exception as error:
            self._give_up(error)

    def _give_up(self, error: Exception, *, blamed: bool = False) -> NoReturn:
        reason = f"{self._topic.name}: cannot go on; nothing was committed past the failure"
        give_up(reason, error, blamed=blamed)

    async def _open(self, message: Any) -> Delivery[E]:
        delivery: Delivery[E] = opened(Source.of(message, timestamp=message.timestamp), self._topic)
        if delivery.finished:
            delivery.failure = delivery.failure if self._vouches else None
            return delivery
        delivery.on_finished = self._finished.set
        now = time.time()
        wrong = self._wrong(delivery, now)
        if wrong is not None:
            if self._vouches:
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
            delivery.source,
            delivery.failure,
            group=self._group,
            stage=self._topic.name,
            attempts=delivery.attempts,
            retryable=isinstance(delivery.failure, TRANSIENT),
        )
        await self._outbox.bury(letter)
        self._letters[code(delivery.failure)] += 1


def _finished(waiting: deque[tuple[Any, Delivery[Any]]]) -> int:
    """How many events at the head are finished."""
    return sum(1 for _ in takewhile(lambda pair: pair[1].finished, waiting))
