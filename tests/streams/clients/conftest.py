"""A client of the embedded broker; a fresh prefix and a producer on a real Kafka."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator

import pytest
from aiokafka import AIOKafkaProducer

from streams.clients import topic_admin
from streams.clients.client import Client
from streams.clients.embedded_broker import EmbeddedBroker
from streams.clients.kafka import producer
from streams.settings import Settings
from streams.wire.topics import declarations


@pytest.fixture
async def client(broker: EmbeddedBroker) -> AsyncIterator[Client]:
    async with Client(broker.settings) as connected:
        yield connected


@pytest.fixture
async def on_kafka(kafka_address: str) -> Settings:
    """Settings of a fresh prefix on a real Kafka; its topics are there."""
    fresh = Settings(
        brokers=kafka_address, prefix=f"t{uuid.uuid4().hex[:8]}.", partitions=4, fetch_wait=0.05
    )
    assert len(await topic_admin.create(fresh)) == len(declarations(fresh.prefix))
    return fresh


@pytest.fixture(
    name="settings", params=["embedded", pytest.param("kafka", marks=pytest.mark.kafka)]
)
def _settings(request: pytest.FixtureRequest) -> Settings:
    """Of the embedded broker, then of a real Kafka."""
    if request.param == "kafka":
        fresh: Settings = request.getfixturevalue("on_kafka")
        return fresh
    broker: EmbeddedBroker = request.getfixturevalue("broker")
    return broker.settings


@pytest.fixture
async def sender(on_kafka: Settings) -> AsyncIterator[AIOKafkaProducer]:
    """The producer of commands."""
    async with producer(on_kafka) as started:
        yield started
