"""The dead letters of a topic: which there are, which were replayed, and replaying them once.

A letter that was replayed has a marker behind it, a record without a value in the same partition.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import IllegalOperation, ProducerFenced

from schemas.errors import NotReady
from streams.clients.kafka import producer
from streams.clients.reader import Reader
from streams.settings import Settings
from streams.wire.dead_letters import (
    given_id,
    marked,
    marker,
    place,
    reasons,
    replayed_headers,
    sendable,
)
from streams.wire.source import Source
from streams.wire.topics import Topic

Sent = asyncio.Future[Any]
"""Is done when the broker has the record."""

# Letters of one transaction: workers see them together.
_BATCH = 100
# An open transaction of a command that was killed holds back its topic for so long.
_TRANSACTION_MS = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Which letters are meant: by all of these together; what is empty leaves none out."""

    code: str | None = None
    since: float | None = None
    """Seconds since the epoch: letters written then or later."""
    until: float | None = None
    """Letters written before then."""
    places: frozenset[str] = frozenset()
    ids: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        """Whether it leaves any letter out."""
        times = (self.since, self.until)
        return bool(self.code or self.places or self.ids) or times != (None, None)

    def means(self, *, code: str | None, time: float, place: str, id: str) -> bool:
        """Whether it means the letter of which this is known."""
        return (
            self.code in (None, code)
            and (self.since is None or time >= self.since)
            and (self.until is None or time < self.until)
            and (not self.places or place in self.places)
            and (not self.ids or id in self.ids)
        )

    def __call__(self, letter: Source) -> bool:
        """Whether it means a letter."""
        return self.means(
            code=reasons(letter.headers).get("code"),
            time=letter.timestamp,
            place=place(letter),
            id=given_id(letter.headers),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Letters:
    """The letters of one topic, oldest first in each partition."""

    every: tuple[Source, ...]
    replayed: frozenset[str]
    """The places of those that were replayed."""

    @property
    def open(self) -> tuple[Source, ...]:
        """Those that were not replayed."""
        return tuple(each for each in self.every if place(each) not in self.replayed)


def _every(_letter: Source) -> bool:
    return True


async def letters(
    settings: Settings, topic: Topic, meant: Callable[[Source], bool] = _every
) -> Letters:
    """The letters up to now that are `meant`; no others are kept. Raises as `Reader`."""
    name = settings.topic(topic.dead_letters)
    every, replayed = [], set()
    async with Reader(settings, name) as reader:
        while not await reader.is_read():
            for record in await reader.take():
                at = marked(record.headers)
                if at is not None:
                    replayed.add(at)
                elif meant(record):
                    every.append(record)
    return Letters(every=tuple(every), replayed=frozenset(replayed))


async def replay(settings: Settings, topic: Topic, meant: Callable[[Source], bool]) -> int:
    """Publish the open letters that are `meant` again, with their markers; how many.

    Each exactly once, however many do this at the same time and whatever is killed: records and
    markers are one transaction, and whoever begins later ends an earlier one. The embedded broker
    has no transactions: a command that is killed there between a record and its marker has it
    replayed again, under the same `ce_id`. Raises NotReady (replay_taken_over).
    """
    if settings.embedded:
        return await _one_by_one(settings, topic, meant)
    name = f"{settings.topic(topic.dead_letters)}.replay"
    sender = producer(settings, transactional_id=name, transaction_timeout_ms=_TRANSACTION_MS)
    async with sender:
        try:
            # Whoever was here before is shut out by now: what they did stands, or is undone.
            async with sender.transaction():
                pass
            chosen = iter((await letters(settings, topic, meant)).open)
            count = 0
            while batch := list(islice(chosen, _BATCH)):
                async with sender.transaction():
                    sent = [
                        await send(sender, settings, topic, letter)
                        for letter in batch
                        for send in (_publish, _mark)
                    ]
                    await asyncio.gather(*sent)
                count += len(batch)
        except (ProducerFenced, IllegalOperation) as error:
            # What is sent after that is told that no transaction is open.
            raise NotReady(
                "replay_taken_over",
                f"Another replay of {settings.topic(topic.name)} has begun and goes on with what "
                "is left; this one ends.",
            ) from error
        return count


async def _one_by_one(settings: Settings, topic: Topic, meant: Callable[[Source], bool]) -> int:
    async with producer(settings) as sender:
        chosen = (await letters(settings, topic, meant)).open
        for letter in chosen:
            await (await _publish(sender, settings, topic, letter))
            await (await _mark(sender, settings, topic, letter))
        return len(chosen)


async def _publish(
    sender: AIOKafkaProducer, settings: Settings, topic: Topic, letter: Source
) -> Sent:
    return await sender.send(
        settings.topic(topic.name),
        sendable(letter.key, letter.value),
        key=letter.key,
        headers=list(replayed_headers(letter.headers)),
    )


async def _mark(sender: AIOKafkaProducer, settings: Settings, topic: Topic, letter: Source) -> Sent:
    return await sender.send(
        settings.topic(topic.dead_letters),
        key=place(letter).encode(),
        partition=letter.partition,
        headers=list(marker(letter)),
    )
