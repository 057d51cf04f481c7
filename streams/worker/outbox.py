"""Publishing: each output under its topic's key and a derived id, acknowledged before we go on.

Pieces of texts are many and small: they go out together, and are waited for before what caused them
is committed. So are answers on the clients' own topics, until they are given up: a client's topic
keeps nobody waiting but the commit of what it was answered.
"""

from __future__ import annotations

import asyncio
import logging
from asyncio import Future
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, Protocol

from schemas.errors import Rejected
from schemas.parts import ReplyTo
from streams.clients.kafka import TOO_LARGE
from streams.wire.codecs import encode
from streams.wire.dead_letters import DeadLetter, bare
from streams.wire.headers import Headers, cloud_event, event_id, trace
from streams.wire.roles import Role
from streams.wire.source import Source
from streams.wire.topics import BY_EVENT, BY_NAME, Topic
from streams.worker.delivery import Output, Tombstone

log = logging.getLogger(__name__)

_MOST_UNSETTLED = 1_000


class Producer(Protocol):
    """The part of Faust's producer that is used here."""

    async def send(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        partition: int | None,
        timestamp: float | None,
        headers: Any,
    ) -> Future[Any]: ...


class Replies(Protocol):
    """Answers on clients' own topics, as `streams.clients.replies` sends them."""

    def send(
        self, reply: ReplyTo, key: bytes, value: bytes, headers: list[tuple[str, bytes]]
    ) -> Future[None]: ...


class _Unsettled(NamedTuple):
    """A record that the broker has not acknowledged yet, and who hears of it if it never will."""

    pending: Future[Any]
    topic: str
    on_refused: Callable[[Rejected], None]


class Outbox:
    """Publishes what one agent or timer of `role` makes, on the topics that it declares: `writes`.

    Raises NotReady (undeclared) for another topic, Rejected (output_too_large) for what can never
    be published, and what the producer raises: the caller must then not commit.
    """

    def __init__(
        self,
        producer: Producer,
        *,
        role: Role,
        writes: tuple[str, ...],
        prefix: str,
        replies: Replies,
    ) -> None:
        self._producer = producer
        self._role = role
        self._writes = writes
        self._prefix = prefix
        self._replies = replies
        self._unsettled: deque[_Unsettled] = deque()
        self._unanswered: set[Future[None]] = set()

    async def publish(self, output: Output) -> None:
        """Publish on the event's own topic and, where asked, on the client's reply topic."""
        event = output.event
        topic = BY_NAME[event.topic] if isinstance(event, Tombstone) else BY_EVENT[type(event)]
        self._role.check("write", topic.name, self._writes)
        if isinstance(event, Tombstone):
            await self.put(self._prefix + topic.name, event.key.encode(), None, ())
        else:
            await self._publish(topic, output)

    async def _publish(self, topic: Topic, output: Output) -> None:
        value, key = encode(output.event), topic.key(output.event).encode()
        headers, name = self._headers(topic, output), self._prefix + topic.name
        with _refused("output_too_large", name):
            pending = await self._producer.send(name, key, value, None, None, headers)
        if output.reply is not None:
            sent = _correlated(headers, output.reply.correlation_id)
            answered = self._replies.send(output.reply, key, value, sent)
            self._unanswered.add(answered)
            answered.add_done_callback(self._unanswered.discard)
        if topic.awaited:
            with _refused("output_too_large", name):
                await pending
        else:
            await self._settle_later(pending, name, _lost)

    async def settled(self) -> None:
        """Wait until the broker has acknowledged all that was published. Raises as `publish`.

        Answers on clients' topics are waited for until they are given up.
        """
        if self._unanswered:
            await asyncio.wait(set(self._unanswered))
        if self._unsettled:
            await asyncio.wait([each.pending for each in self._unsettled])
        self._forget_settled()

    async def _settle_later(
        self, pending: Future[Any], topic: str, on_refused: Callable[[Rejected], None]
    ) -> None:
        self._unsettled.append(_Unsettled(pending, topic, on_refused))
        self._forget_settled()
        if len(self._unsettled) > _MOST_UNSETTLED:
            await asyncio.wait([self._unsettled[0].pending])

    def _forget_settled(self) -> None:
        while self._unsettled and self._unsettled[0].pending.done():
            pending, topic, on_refused = self._unsettled.popleft()
            try:
                with _refused("too_large", topic):
                    pending.result()
            except Rejected as error:
                on_refused(error)

    async def bury(self, letter: DeadLetter) -> None:
        """Write a dead letter; one that the broker refuses as too large without its record."""
        try:
            await self.put(letter.topic, letter.key, letter.value, letter.headers)
        except Rejected:
            small = bare(letter)
            await self.put(small.topic, small.key, small.value, small.headers)

    async def put(
        self, topic: str, key: bytes | None, value: bytes | None, headers: Headers
    ) -> None:
        """Write one record as it is and wait for its acknowledgement.

        Raises Rejected (too_large), and what the producer raises.
        """
        with _refused("too_large", topic):
            await (await self._producer.send(topic, key, value, None, None, list(headers)))

    async def put_later(
        self,
        source: Source,
        key: bytes,
        headers: Headers,
        *,
        timestamp: float,
        on_refused: Callable[[Rejected], None],
    ) -> None:
        """Write a record again, as of `timestamp`; `settled` waits for its acknowledgement.

        `on_refused` is told beforehand where it is too large. Raises what the producer raises.
        """
        try:
            with _refused("too_large", source.topic):
                pending = await self._producer.send(
                    source.topic, key, source.value, None, timestamp, list(headers)
                )
        except Rejected as error:
            on_refused(error)
        else:
            await self._settle_later(pending, source.topic, on_refused)

    def _headers(self, topic: Topic, output: Output) -> list[tuple[str, bytes]]:
        cause = output.cause
        own = cloud_event(
            topic,
            ce_id=event_id(topic, topic.identity(output.event)),
            source=f"/genre/{self._role.name}",
            cause_id=cause.id if cause else None,
            correlation_id=getattr(output.event, "request_id", None),
        )
        return [*own, *(trace(cause.source.headers) if cause else ())]


def _lost(error: Rejected) -> None:
    log.warning("a piece of a text is lost: %s", error)


@contextmanager
def _refused(code: str, topic: str) -> Iterator[None]:
    """Raises Rejected with the code where client or broker refuse a record for its size."""
    try:
        yield
    except Exception as error:
        # Faust wraps what its producer raises.
        if not isinstance(error, TOO_LARGE) and not isinstance(error.__cause__, TOO_LARGE):
            raise
        message = f"Expected a record that {topic} takes, got one that is refused as too large."
        raise Rejected(code, message) from error


def _correlated(
    headers: list[tuple[str, bytes]], correlation_id: str | None
) -> list[tuple[str, bytes]]:
    """The headers with the client's own correlation id under every name that clients look for."""
    if correlation_id is None:
        return headers
    raw = correlation_id.encode("latin-1")
    others = [(name, value) for name, value in headers if name != "ce_correlationid"]
    return [
        *others,
        ("ce_correlationid", raw),
        ("correlation_id", raw),
        ("kafka_correlationId", raw),
    ]
