"""What the tests of the clients put on topics, and read back."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any

from aiokafka import AIOKafkaProducer

from schemas.adapters import AdapterEvent
from streams.clients.kafka import producer
from streams.clients.reader import read
from streams.settings import Settings
from streams.wire.source import Source


async def records(settings: Settings, topic: str) -> list[Source]:
    """Everything in a topic, by its short name."""
    return [record async for record in read(settings, settings.topic(topic))]


async def put(settings: Settings, topic: str, *values: bytes | None, key: bytes = b"k") -> None:
    """Put values on a topic, by its full name, one after the other."""
    sender = producer(settings)
    await sender.start()
    try:
        for value in values:
            await sender.send_and_wait(topic, value, key=key)
    finally:
        await sender.stop()


async def transact(
    settings: Settings, topic: str, *values: bytes, key: bytes = b"k", commit: bool = True
) -> None:
    """Put values on a topic in one transaction, and end it one way or the other."""
    async with AIOKafkaProducer(
        bootstrap_servers=settings.brokers, transactional_id=uuid.uuid4().hex
    ) as sender:
        await sender.begin_transaction()
        for value in values:
            await sender.send_and_wait(topic, value, key=key)
        await (sender.commit_transaction() if commit else sender.abort_transaction())


def adapter(name: str, **changes: Any) -> AdapterEvent:
    """A published adapter."""
    known: dict[str, Any] = {
        "kind": "published",
        "name": name,
        "genre": "joke",
        "family": "humour",
        "digest": "0" * 64,
        "base_fingerprint": "0" * 64,
        "time": datetime(2026, 1, 1, tzinfo=UTC),
    }
    return AdapterEvent(**(known | changes))
