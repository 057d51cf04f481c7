"""Publishing: each output under its topic's key and a derived id, acknowledged before we go on.

Pieces of texts are many and small: they go out together, and are waited for before what caused them
is committed.
"""

from __future__ import annotations

import asyncio
import logging
from asyncio import Future
from collections import deque
from typing import Any, Protocol

from schemas.parts import ReplyTo
from streams.wire.codecs import encode
from streams.wire.dead_letters import DeadLetter
from streams.wire.headers import Headers, cloud_event, event_id, trace
from streams.wire.roles import Role
from streams.wire.topics import BY_EVENT, BY_NAME, Topic
from streams.worker.delivery import Output, Tombstone

log = logging.getLogger(__name__)

_REPLY_SECONDS = 10.0
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


class ReplyTopics(Protocol):
    """Tells whether a client's reply topic exists, without creating it."""

    async def exists(self, topic: str, partition: int | None) -> bool: ...


class Outbox:
    """Publishes what one agent or timer of `role` makes, on the topics that it declares: `writes`.

    Raises NotReady (undeclared) for another topic, and what the producer raises: the caller must
    then not commit.
    """

    def __init__(
        self,
        producer: Producer,
        *,
        role: Role,
        writes: tuple[str, ...],
        prefix: str,
        replies: ReplyTopics,
    ) -> None:
        self._producer = producer
        self._role = role
        self._writes = writes
        self._prefix = prefix
        self._replies = replies
        self._unsettled: deque[Future[Any]] = deque()

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
        headers = self._headers(topic, output)
        pending = await self._producer.send(
            self._prefix + topic.name, key, value, None, None, headers
        )
        if output.reply is not None:
            await self._reply(output.reply, key, value, headers)
        if topic.awaited:
            await pending
        else:
            await self._settle_later(pending)

    async def settled(self) -> None:
        """Wait until the broker has acknowledged all that was published. Raises as `publish`."""
        for pending in tuple(self._unsettled):
            await pending
        self._forget_settled()

    async def _settle_later(self, pending: Future[Any]) -> None:
        self._unsettled.append(pending)
        self._forget_settled()
        if len(self._unsettled) > _MOST_UNSETTLED:
            await self._unsettled[0]

    def _forget_settled(self) -> None:
        while self._unsettled and self._unsettled[0].done():
            self._unsettled.popleft().result()

    async def bury(self, letter: DeadLetter) -> None:
        """Write a dead letter."""
        await self.put(letter.topic, letter.key, letter.value, letter.headers)

    async def put(
        self, topic: str, key: bytes | None, value: bytes | None, headers: Headers
    ) -> None:
        """Write one record as it is and wait for its acknowledgement."""
        await (await self._producer.send(topic, key, value, None, None, list(headers)))

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

    async def _reply(
        self, reply: ReplyTo, key: bytes, value: bytes, headers: list[tuple[str, bytes]]
    ) -> None:
        """Send the answer to the client's own topic.

        Whatever is wrong with that topic is the client's, never ours.
        """
        try:
            async with asyncio.timeout(_REPLY_SECONDS):
                if not await self._replies.exists(reply.topic, reply.partition):
                    log.warning(
                        "reply topic %s[%s] is not there; the answer is not sent",
                        reply.topic,
                        reply.partition,
                    )
                    return
                sent = _correlated(headers, reply.correlation_id)
                await (
                    await self._producer.send(reply.topic, key, value, reply.partition, None, sent)
                )
        except Exception as error:
            log.warning("reply topic %s refused the answer: %s", reply.topic, error)


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
