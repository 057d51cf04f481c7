"""Stand-ins for Faust's stream, messages and producer. They keep the codec and count references as
Faust does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

from aiokafka.errors import MessageSizeTooLargeError
from faust.exceptions import ProducerSendError

from schemas.parts import ReplyTo
from streams.wire.codecs import decode
from streams.wire.headers import Headers

E = TypeVar("E")


@dataclass(slots=True)
class Consumer:
    """Remembers which offsets of which partitions were acknowledged, in order."""

    acknowledged: list[tuple[int, int]] = field(default_factory=list)


@dataclass(slots=True)
class Message:
    """A record with Faust's reference count: it is acknowledged when the last reference goes."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Any = ()
    timestamp: float | None = 1_772_600_000.0
    timestamp_type: int = 0
    references: int = 1

    def incref(self) -> None:
        """Hold the message."""
        self.references += 1

    def ack(self, consumer: Consumer) -> None:
        """Let go of it once."""
        assert self.references > 0, "acknowledged more often than held"
        self.references -= 1
        if self.references == 0:
            consumer.acknowledged.append((self.partition, self.offset))


@dataclass(slots=True)
class Event:
    """What Faust's stream yields."""

    message: Message


class Stream:
    """Yields messages, and acknowledges each for its own part when the next is asked for, as Faust
    does."""

    def __init__(self, messages: list[Message], consumer: Consumer) -> None:
        self._messages = messages
        self._consumer = consumer

    async def events(self) -> AsyncIterator[Event]:
        """The messages in order."""
        for message in self._messages:
            yield Event(message)
            message.ack(self._consumer)
            await asyncio.sleep(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """One record that was published."""

    topic: str
    key: bytes | None
    value: bytes | None
    partition: int | None
    headers: Headers
    timestamp: float | None = None

    def event(self, kind: type[E]) -> E:
        """The event in it, through the codec."""
        return decode(self.value, kind)


class Producer:
    """Takes records like Faust's producer; `refuse` makes every delivery report an error.

    `largest` has topics with a limit in bytes, of which the client tells at once or, where it
    `tells_late`, the broker in its report.
    """

    def __init__(self, refuse: Exception | None = None) -> None:
        self.sent: list[Sent] = []
        self.reported = 0
        self.largest: dict[str, int] = {}
        self.tells_late = False
        self._refuse = refuse

    async def send(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        partition: int | None,
        timestamp: float | None,
        headers: Any,
    ) -> asyncio.Future[Any]:
        """Take one record; the returned future is its delivery report."""
        assert all(
            isinstance(name, str) and isinstance(content, bytes) for name, content in headers
        )
        size = len(key or b"") + len(value or b"")
        size += sum(len(name) + len(content) for name, content in headers)
        if size > self.largest.get(topic, size):
            return _refused(late=self.tells_late)
        self.sent.append(
            Sent(
                topic=topic,
                key=key,
                value=value,
                partition=partition,
                headers=tuple(headers),
                timestamp=timestamp,
            )
        )
        return asyncio.ensure_future(self._report())

    async def _report(self) -> None:
        await asyncio.sleep(0)
        if self._refuse is not None:
            raise self._refuse
        self.reported += 1


def _refused(*, late: bool) -> asyncio.Future[Any]:
    error = MessageSizeTooLargeError("as aiokafka says it")
    if not late:
        raise ProducerSendError("as Faust wraps it") from error
    report = asyncio.get_running_loop().create_future()
    report.set_exception(error)
    return report


class Replies:
    """Takes answers to clients' topics; each is settled at once, or when the test says so."""

    def __init__(self, *, at_once: bool = True) -> None:
        self.sent: list[Sent] = []
        self.settled: list[asyncio.Future[None]] = []
        self._at_once = at_once

    def send(
        self, reply: ReplyTo, key: bytes, value: bytes, headers: list[tuple[str, bytes]]
    ) -> asyncio.Future[None]:
        """Take one answer."""
        self.sent.append(
            Sent(
                topic=reply.topic,
                key=key,
                value=value,
                partition=reply.partition,
                headers=tuple(headers),
            )
        )
        self.settled.append(asyncio.get_running_loop().create_future())
        if self._at_once:
            self.settled[-1].set_result(None)
        return self.settled[-1]
