"""What only a real Kafka can refuse: topic settings, sizes, names that do not exist."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import MessageSizeTooLargeError

from schemas.adapters import AdapterEvent
from schemas.errors import InvalidEvent, NotReady
from streams.clients import topic_admin
from streams.clients.client import Client
from streams.clients.follower import Follower
from streams.clients.kafka import ReplyTopics, admin, cluster_id, producer
from streams.clients.reader import read
from streams.settings import Settings
from streams.wire.dead_letters import dead_letter
from streams.wire.limits import MAX_MESSAGE_BYTES
from streams.wire.source import Source
from streams.wire.topics import BY_NAME, declarations

pytestmark = pytest.mark.kafka


@pytest.fixture
async def settings(kafka_address: str) -> Settings:
    """Settings of a fresh prefix whose topics are there."""
    fresh = Settings(
        brokers=kafka_address, prefix=f"t{uuid.uuid4().hex[:8]}.", partitions=4, fetch_wait=0.05
    )
    assert len(await topic_admin.create(fresh)) == len(declarations(fresh.prefix))
    return fresh


@pytest.fixture
async def sender(settings: Settings) -> AsyncIterator[AIOKafkaProducer]:
    """The producer of commands."""
    async with producer(settings) as started:
        yield started


async def test_topics_get_their_settings(settings: Settings) -> None:
    assert await topic_admin.create(settings) == []
    assert await topic_admin.check(settings) == []
    assert len(await topic_admin.check(replace(settings, partitions=5))) == len(
        declarations(settings.prefix)
    )
    client = admin(settings)
    await client.start()
    try:
        asked = [
            ConfigResource(ConfigResourceType.TOPIC, each.name)
            for each in declarations(settings.prefix)
        ]
        answers = await client.describe_configs(asked)
    finally:
        await client.close()
    found = {
        resource[3]: {entry[0]: entry[1] for entry in resource[4]}
        for answer in answers
        for resource in answer.resources
    }
    for declared in declarations(settings.prefix):
        assert found[declared.name].items() >= declared.config.items(), declared.name


async def test_a_topic_that_would_lose_records_is_told(settings: Settings) -> None:
    name = settings.topic("preferences")
    declared = next(each.config for each in declarations(settings.prefix) if each.name == name)
    client = admin(settings)
    await client.start()
    try:
        for change, told in (
            ({"cleanup.policy": "delete"}, "cleanup.policy is delete, expected compact"),
            (
                {"max.message.bytes": "1000"},
                f"max.message.bytes is 1000, expected {MAX_MESSAGE_BYTES}",
            ),
        ):
            await client.alter_configs(
                [ConfigResource(ConfigResourceType.TOPIC, name, configs=declared | change)]
            )
            line = f"{name}: {told}; set it with kafka-configs --alter"
            async with asyncio.timeout(20):
                while await topic_admin.check(settings) != [line]:
                    await asyncio.sleep(0.1)
    finally:
        await client.close()


@pytest.mark.parametrize("headers", [10, 60_000])
async def test_the_largest_record_and_its_letter_are_taken(
    settings: Settings, sender: AIOKafkaProducer, headers: int
) -> None:
    pair = ("h", b"h" * headers)
    value = b"v" * (MAX_MESSAGE_BYTES - headers - 200)
    await sender.send_and_wait(settings.topic("requests"), value, key=b"k" * 10, headers=[pair])
    source = Source(
        topic=settings.topic("requests"),
        partition=0,
        offset=0,
        timestamp=1.0,
        key=b"k",
        value=value,
        headers=(pair,),
    )
    letter = dead_letter(
        source, InvalidEvent("not_json", "\u4e2d" * 500), group="g" * 200, stage="requests"
    )
    assert letter.value == value
    await sender.send_and_wait(
        letter.topic, letter.value, key=letter.key, headers=list(letter.headers)
    )


async def test_the_letter_of_a_record_that_was_compressed_is_taken(
    settings: Settings, sender: AIOKafkaProducer
) -> None:
    headers = (("h", b"h" * 1_000_000), ("i", b"i" * 1_000_000))
    source = Source(
        topic=settings.topic("requests"),
        partition=0,
        offset=0,
        timestamp=1.0,
        key=b"k",
        value=b"v" * 20_000_000,
        headers=headers,
    )
    letter = dead_letter(source, InvalidEvent("too_large", "no"), group="g", stage="requests")
    await sender.send_and_wait(
        letter.topic, letter.value, key=letter.key, headers=list(letter.headers)
    )


async def test_a_larger_record_is_refused(settings: Settings, sender: AIOKafkaProducer) -> None:
    with pytest.raises(MessageSizeTooLargeError):
        await sender.send_and_wait(settings.topic("requests"), b"v" * MAX_MESSAGE_BYTES)


async def test_a_reply_topic_that_is_not_there_is_not_made(settings: Settings) -> None:
    async with asyncio.timeout(30):
        # A broker hears of a new topic a moment after the controller has made it.
        while not await ReplyTopics(settings).exists(settings.topic("requests"), 3):
            await asyncio.sleep(0.05)
    replies = ReplyTopics(settings)
    assert not await replies.exists(settings.topic("requests"), 4)
    assert not await replies.exists(f"replies.{settings.prefix}", None)
    client = admin(settings)
    await client.start()
    try:
        assert f"replies.{settings.prefix}" not in await client.list_topics()
    finally:
        await client.close()


async def test_reading_a_topic_that_is_not_there_says_so(settings: Settings) -> None:
    with pytest.raises(NotReady) as caught:
        await anext(read(settings, "no.such.topic"))
    assert caught.value.code == "no_topic" and "no.such.topic" in caught.value.message


async def test_a_follower_of_several_partitions_catches_up(settings: Settings) -> None:
    names = [f"joke@{number:012x}" for number in range(20)]
    async with Client(settings) as client:
        for name in names:
            await client.publish(adapter(name))
    known: dict[str, AdapterEvent | None] = {}
    follower = Follower[AdapterEvent](
        settings, BY_NAME["adapters"], lambda key, event: known.update({key: event})
    )
    await follower.start()
    await follower.stop()
    assert sorted(known) == names


async def test_a_cluster_has_one_id(settings: Settings) -> None:
    assert await cluster_id(settings) == await cluster_id(settings) != ""


def adapter(name: str) -> AdapterEvent:
    """A published adapter."""
    return AdapterEvent(
        kind="published",
        name=name,
        genre="joke",
        family="humour",
        digest="0" * 64,
        base_fingerprint="0" * 64,
        time=datetime(2026, 1, 1, tzinfo=UTC),
    )
