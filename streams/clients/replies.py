"""Answers on the clients' own topics: sent beside the agents, by a producer of their own.

Whatever is wrong with such a topic is its client's loss alone. A topic that does not take an answer
is left alone for a while; the answers to each topic stay in order.
"""

from __future__ import annotations

import asyncio
import logging
from asyncio import Future, Task
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaProducer

from schemas.parts import ReplyTo
from streams.clients.kafka import TOO_LARGE, producer
from streams.clients.reply_topics import ReplyTopics
from streams.settings import Settings

log = logging.getLogger(__name__)

# Seconds: how long a topic may take over what is waiting for it; how long it is then left alone;
# how long what is still waiting may take when the worker ends. Whoever commits waits for the first.
_PATIENCE, _REST, _AT_THE_END = 5.0, 30.0, 2.0
# Of answers that wait at the same time, for all topics together; and of topics that are left alone.
_MOST_WAITING, _MOST_BYTES, _MOST_RESTING = 1_000, 64 * 2**20, 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    """One record for a client's topic, and the future that is done when nothing waits for it."""

    partition: int | None
    key: bytes
    value: bytes
    headers: list[tuple[str, bytes]]
    settled: Future[None]


class Replies:
    """Sends answers to clients' topics; `stop` it at the end."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._topics = ReplyTopics(settings)
        self._producer: AIOKafkaProducer | None = None
        self._starting = asyncio.Lock()
        self._waiting: dict[str, deque[_Answer]] = {}
        self._tasks: dict[str, Task[None]] = {}
        self._resting: dict[str, float] = {}

    def send(
        self, reply: ReplyTo, key: bytes, value: bytes, headers: list[tuple[str, bytes]]
    ) -> Future[None]:
        """Send an answer when those before it on its topic are sent.

        The future is done when the broker has the answer, or when it was given up, after seconds at
        most; it never fails.
        """
        loop = asyncio.get_running_loop()
        answer = _Answer(
            partition=reply.partition,
            key=key,
            value=value,
            headers=headers,
            settled=loop.create_future(),
        )
        if loop.time() < self._resting.get(reply.topic, 0.0):
            answer.settled.set_result(None)
        elif not self._has_room(value):
            log.warning("reply topic %s: too many answers wait; one is not sent", reply.topic)
            answer.settled.set_result(None)
        else:
            self._waiting.setdefault(reply.topic, deque()).append(answer)
            if reply.topic not in self._tasks:
                self._tasks[reply.topic] = asyncio.create_task(self._serve(reply.topic))
        return answer.settled

    async def stop(self) -> None:
        """Give what is waiting a short time, then close the connections."""
        if self._tasks:
            await asyncio.wait(set(self._tasks.values()), timeout=_AT_THE_END)
        for task in set(self._tasks.values()):
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        await self._topics.close()
        if self._producer is not None:
            with suppress(TimeoutError):  # it waits for what a topic does not take
                async with asyncio.timeout(_AT_THE_END):
                    await self._producer.stop()

    def _has_room(self, value: bytes) -> bool:
        waiting = [answer for answers in self._waiting.values() for answer in answers]
        size = sum(len(answer.value) for answer in waiting)
        return len(waiting) < _MOST_WAITING and size + len(value) <= _MOST_BYTES

    async def _serve(self, topic: str) -> None:
        """Send what waits for a topic, as long as something does."""
        answers = self._waiting[topic]
        try:
            while answers:
                taken = list(answers)
                async with asyncio.timeout(_PATIENCE):
                    await self._send(topic, taken)
                for answer in taken:
                    answers.popleft()
                    answer.settled.set_result(None)
        except Exception as error:
            self._leave_alone(topic, error, len(answers))
        finally:
            del self._waiting[topic], self._tasks[topic]
            for answer in answers:
                answer.settled.set_result(None)

    async def _send(self, topic: str, answers: list[_Answer]) -> None:
        started, sent = await self._started(), set[Future[Any]]()
        for answer in answers:
            if not await self._topics.exists(topic, answer.partition):
                place = f"{topic}[{answer.partition}]"
                log.warning("reply topic %s is not there; the answer is not sent", place)
                continue
            try:
                placed = await started.send(
                    topic,
                    answer.value,
                    key=answer.key,
                    partition=answer.partition,
                    headers=answer.headers,
                )
            except TOO_LARGE:
                _refused(topic)
                continue
            placed.add_done_callback(_looked_at)
            sent.add(placed)
        if sent:
            await asyncio.wait(sent)
        for each in sent:
            _check(topic, each)

    async def _started(self) -> AIOKafkaProducer:
        async with self._starting:
            if self._producer is None:
                # Not that of the worker: its flush before a commit would wait for a topic that
                # takes nothing. And never idempotent: an answer that is given up leaves no gap.
                made = producer(
                    self._settings,
                    enable_idempotence=False,
                    request_timeout_ms=int(1000 * _PATIENCE),
                )
                try:
                    await made.start()
                except BaseException:
                    await made.stop()
                    raise
                self._producer = made
            return self._producer

    def _leave_alone(self, topic: str, error: Exception, count: int) -> None:
        log.warning(
            "reply topic %s took no answer: %s: %s; %d are not sent, and none for %d s",
            topic,
            type(error).__name__,
            error,
            count,
            _REST,
        )
        self._resting.pop(topic, None)
        self._resting[topic] = asyncio.get_running_loop().time() + _REST
        while len(self._resting) > _MOST_RESTING:
            self._resting.pop(next(iter(self._resting)))


def _check(topic: str, placed: Future[Any]) -> None:
    """Raise what went wrong with a topic; what is wrong with one answer is told."""
    error = placed.exception()
    if isinstance(error, TOO_LARGE):
        _refused(topic)
    elif error is not None:
        raise error


def _refused(topic: str) -> None:
    log.warning("reply topic %s takes no answers of this size; it is not sent", topic)


def _looked_at(placed: Future[Any]) -> None:
    # Nobody may be waiting any more.
    if not placed.cancelled():
        placed.exception()
