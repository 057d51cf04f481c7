"""A plain client of the topics, for commands and demonstrations: publishes, waits for answers."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, TypeVar

from schemas.errors import InvalidEvent
from schemas.feedback import Feedback
from schemas.keys import user_key
from schemas.progress import Progress
from schemas.recommendations import Recommendation
from schemas.requests import GenerationRequest
from schemas.users import UserCommand
from streams.clients.kafka import producer, reach
from streams.clients.reader import Reader
from streams.settings import Settings
from streams.wire.codecs import decode, encode
from streams.wire.headers import cloud_event, event_id
from streams.wire.topics import BY_EVENT

E = TypeVar("E")

log = logging.getLogger(__name__)


class Client:
    """An asynchronous context manager: connected inside the block.

    Raises NotReady (no_broker) on entry when no broker answers.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._open = AsyncExitStack()
        self._producer: Any = None
        self._answers: dict[tuple[str, str], asyncio.Future[Recommendation]] = {}
        self._heard: dict[tuple[str, str], Callable[[Progress], None]] = {}
        self._listening: dict[str, asyncio.Task[None]] = {}
        self._starting = asyncio.Lock()

    async def __aenter__(self) -> Client:
        await reach(self._settings)
        self._producer = producer(self._settings)
        self._open.push_async_callback(self._producer.stop)
        try:
            await self._producer.start()
        except BaseException:
            await self._open.aclose()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for task in self._listening.values():
            task.cancel()
        await asyncio.gather(*self._listening.values(), return_exceptions=True)
        await self._open.aclose()

    async def ask(
        self,
        request: GenerationRequest,
        *,
        within: float = 90.0,
        hear: Callable[[Progress], None] | None = None,
    ) -> Recommendation:
        """Publish a request and wait for its recommendation.

        `hear` gets the pieces of its texts as they come, where the request says `stream`.
        Raises TimeoutError after `within` seconds.
        """
        request = identified(request)
        await self._listen("recommendations", self._answered)
        if hear is not None:
            await self._listen("progress", self._progressed)
        waiting: asyncio.Future[Recommendation] = asyncio.get_running_loop().create_future()
        place = (user_key(request.user_id, request.tenant), request.request_id or "")
        self._answers[place] = waiting
        if hear is not None:
            self._heard[place] = hear
        try:
            await self.publish(request)
            async with asyncio.timeout(within):
                return await waiting
        finally:
            self._answers.pop(place, None)
            self._heard.pop(place, None)

    async def rate(self, feedback: Feedback) -> Feedback:
        """Publish a reaction; returns it with the feedback id that makes a repeat count once."""
        return await self.publish(feedback)

    async def publish(self, event: E) -> E:
        """Publish an event under its topic's key; return it with its id when the broker has it."""
        return (await self.put(event))[0]

    async def put(self, event: E) -> tuple[E, tuple[int, int]]:
        """As `publish`; returns the partition and the offset of the record, too."""
        event, topic = identified(event), BY_EVENT[type(event)]
        headers = cloud_event(
            topic,
            ce_id=event_id(topic, topic.identity(event)),
            source="/genre/client",
            cause_id=None,
            correlation_id=getattr(event, "request_id", None),
        )
        name = self._settings.topic(topic.name)
        placed = await self._producer.send_and_wait(
            name, encode(event), key=topic.key(event).encode(), headers=list(headers)
        )
        return event, (placed.partition, placed.offset)

    async def _listen(self, name: str, take: Callable[[bytes | None], None]) -> None:
        """Read a topic from its present end, once, however many ask at the same time."""
        async with self._starting:
            if name not in self._listening:
                topic = self._settings.topic(name)
                reader = await self._open.enter_async_context(
                    Reader(self._settings, topic, beginning=False)
                )
                self._listening[name] = asyncio.create_task(_each(reader, take))

    def _answered(self, value: bytes | None) -> None:
        answer = _event(value, Recommendation)
        if answer is None:
            return
        place = (user_key(answer.user_id, answer.tenant), answer.request_id)
        waiting = self._answers.get(place)
        if waiting is not None and not waiting.done():
            waiting.set_result(answer)

    def _progressed(self, value: bytes | None) -> None:
        piece = _event(value, Progress)
        if piece is None or piece.user_id is None or piece.request_id is None:
            return
        hear = self._heard.get((user_key(piece.user_id, piece.tenant), piece.request_id))
        if hear is not None:
            hear(piece)


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


async def _each(reader: Reader, take: Callable[[bytes | None], None]) -> None:
    while True:
        for record in await reader.take():
            take(record.value)


def _event(value: bytes | None, kind: type[E]) -> E | None:
    try:
        return decode(value, kind)
    except InvalidEvent as error:
        log.warning("a record that is no %s was skipped: %s", kind.__name__, error)
        return None
