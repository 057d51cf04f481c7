"""A plain client of the topics: publishes events, waits for answers, reads a topic. For commands
and demonstrations."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import AsyncGenerator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, TypeVar

from aiokafka import TopicPartition

from schemas.errors import InvalidEvent, NotReady
from schemas.feedback import Feedback
from schemas.keys import user_key
from schemas.recommendations import Recommendation
from schemas.requests import GenerationRequest
from schemas.users import UserCommand
from streams.clients.kafka import consumer, producer, reach
from streams.settings import Settings
from streams.wire.codecs import decode, encode
from streams.wire.headers import cloud_event, event_id
from streams.wire.source import Source
from streams.wire.topics import BY_EVENT

E = TypeVar("E")

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One record of a topic, as a reader sees it."""

    topic: str
    partition: int
    offset: int
    timestamp: float
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]

    @property
    def source(self) -> Source:
        """The record as an agent gets it."""
        return Source(
            topic=self.topic,
            partition=self.partition,
            offset=self.offset,
            timestamp=self.timestamp,
            key=self.key,
            value=self.value,
            headers=self.headers,
        )


class Client:
    """An asynchronous context manager: connected inside the block.

    Raises NotReady (no_broker) on entry when no broker answers.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._producer: Any = None
        self._answers: dict[tuple[str, str], asyncio.Future[Recommendation]] = {}
        self._listening: asyncio.Task[None] | None = None
        self._starting = asyncio.Lock()

    async def __aenter__(self) -> Client:
        await reach(self._settings)
        self._producer = producer(self._settings)
        try:
            await self._producer.start()
        except BaseException:
            await self._producer.stop()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._listening is not None:
            self._listening.cancel()
            await asyncio.gather(self._listening, return_exceptions=True)
        await self._producer.stop()

    async def ask(self, request: GenerationRequest, *, within: float = 90.0) -> Recommendation:
        """Publish a request and wait for its recommendation. Raises TimeoutError after `within`
        seconds."""
        request = identified(request)
        await self._listen()
        waiting: asyncio.Future[Recommendation] = asyncio.get_running_loop().create_future()
        place = (user_key(request.user_id, request.tenant), request.request_id or "")
        self._answers[place] = waiting
        try:
            await self.publish(request)
            async with asyncio.timeout(within):
                return await waiting
        finally:
            self._answers.pop(place, None)

    async def rate(self, feedback: Feedback) -> Feedback:
        """Publish a reaction; returns it with the feedback id that makes a repeat count once."""
        return await self.publish(feedback)

    async def publish(self, event: E) -> E:
        """Publish an event under its topic's key, wait for the broker, and return it with the id
        that it got."""
        event, topic = identified(event), BY_EVENT[type(event)]
        headers = cloud_event(
            topic,
            ce_id=event_id(topic, topic.identity(event)),
            source="/genre/client",
            cause_id=None,
            correlation_id=getattr(event, "request_id", None),
        )
        name = self._settings.topic(topic.name)
        await self._producer.send_and_wait(
            name, encode(event), key=topic.key(event).encode(), headers=list(headers)
        )
        return event

    async def _listen(self) -> None:
        """Read recommendations from their present end on; once, however many ask at the same
        time."""
        async with self._starting:
            if self._listening is not None:
                return
            reader = consumer(self._settings)
            await reader.start()
            partitions = await _assign(reader, self._settings.topic("recommendations"))
            await reader.seek_to_end(*partitions)
            for partition in partitions:
                await reader.position(partition)
            self._listening = asyncio.create_task(self._receive(reader))

    async def _receive(self, reader: Any) -> None:
        try:
            async for record in reader:
                answer = _answer(record.value)
                if answer is None:
                    continue
                waiting = self._answers.get(
                    (user_key(answer.user_id, answer.tenant), answer.request_id)
                )
                if waiting is not None and not waiting.done():
                    waiting.set_result(answer)
        finally:
            await reader.stop()


def identified(event: E) -> E:
    """The event with a new id or time where what makes it unique is missing."""
    match event:
        case GenerationRequest(request_id=None):
            return replace(event, request_id=uuid.uuid4().hex)
        case Feedback(feedback_id=None):
            return replace(event, feedback_id=uuid.uuid4().hex)
        case UserCommand(time=None):
            return replace(event, time=datetime.now(UTC))
    return event


def _answer(value: bytes | None) -> Recommendation | None:
    try:
        return decode(value, Recommendation)
    except InvalidEvent as error:
        log.warning("an unreadable recommendation was skipped: %s", error)
        return None


async def read(
    settings: Settings, topic: str, *, beginning: bool = True, follow: bool = False
) -> AsyncGenerator[Record, None]:
    """Records of a topic: up to its present end, or for ever with `follow`. `topic` is the full
    name.

    Raises NotReady (no_topic) when there is no such topic.
    """
    reader = consumer(settings)
    await reader.start()
    try:
        partitions = await _assign(reader, topic)
        ends = await reader.end_offsets(partitions)
        await (reader.seek_to_beginning if beginning else reader.seek_to_end)(*partitions)
        while follow or any(
            [await reader.position(partition) < ends[partition] for partition in partitions]
        ):
            for records in (await reader.getmany(timeout_ms=200)).values():
                for record in records:
                    yield _record(record)
    finally:
        await reader.stop()


async def first_offsets(settings: Settings, topic: str) -> dict[int, int]:
    """Where each partition begins: above 0, retention has cut it. Raises NotReady (no_topic)."""
    reader = consumer(settings)
    await reader.start()
    try:
        starts = await reader.beginning_offsets(await _partitions(reader, topic))
        return {partition.partition: offset for partition, offset in starts.items()}
    finally:
        await reader.stop()


async def _assign(reader: Any, topic: str) -> list[TopicPartition]:
    partitions = await _partitions(reader, topic)
    reader.assign(partitions)
    return partitions


async def _partitions(reader: Any, topic: str) -> list[TopicPartition]:
    await reader._client.add_topic(topic)
    numbers = reader.partitions_for_topic(topic) or set()
    if not numbers:
        raise NotReady(
            "no_topic",
            f"Expected the topic {topic} to be there, got none; run `genre topics create`.",
        )
    return [TopicPartition(topic, number) for number in sorted(numbers)]


def _record(record: Any) -> Record:
    return Record(
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        timestamp=record.timestamp / 1000,
        key=record.key,
        value=record.value,
        headers=tuple((name, bytes(value or b"")) for name, value in record.headers),
    )
