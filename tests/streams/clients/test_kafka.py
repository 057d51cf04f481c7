"""Plain connections: what the cluster says about itself, and which records it takes."""

from __future__ import annotations

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import MessageSizeTooLargeError

from schemas.errors import InvalidEvent
from streams.clients.embedded_broker import EmbeddedBroker
from streams.clients.kafka import cluster_id, committed, consumer, members
from streams.settings import Settings
from streams.wire.dead_letters import dead_letter
from streams.wire.limits import MAX_MESSAGE_BYTES
from streams.wire.source import Source


async def test_a_cluster_has_an_id(broker: EmbeddedBroker) -> None:
    assert await cluster_id(broker.settings)


@pytest.mark.kafka
async def test_a_cluster_has_one_id(on_kafka: Settings) -> None:
    assert await cluster_id(on_kafka) == await cluster_id(on_kafka) != ""


@pytest.mark.kafka
@pytest.mark.parametrize("headers", [10, 60_000])
async def test_the_largest_record_and_its_letter_are_taken(
    on_kafka: Settings, sender: AIOKafkaProducer, headers: int
) -> None:
    pair = ("h", b"h" * headers)
    value = b"v" * (MAX_MESSAGE_BYTES - headers - 200)
    await sender.send_and_wait(on_kafka.topic("requests"), value, key=b"k" * 10, headers=[pair])
    source = Source(
        topic=on_kafka.topic("requests"),
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


@pytest.mark.kafka
async def test_the_letter_of_a_record_that_was_compressed_is_taken(
    on_kafka: Settings, sender: AIOKafkaProducer
) -> None:
    headers = (("h", b"h" * 1_000_000), ("i", b"i" * 1_000_000))
    source = Source(
        topic=on_kafka.topic("requests"),
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


@pytest.mark.kafka
async def test_a_larger_record_is_refused(on_kafka: Settings, sender: AIOKafkaProducer) -> None:
    with pytest.raises(MessageSizeTooLargeError):
        await sender.send_and_wait(on_kafka.topic("requests"), b"v" * MAX_MESSAGE_BYTES)


async def test_a_group_has_as_many_members_as_workers(broker: EmbeddedBroker) -> None:
    group = broker.settings.topic("recommend")
    assert await members(broker.settings, group) == 0
    joined = consumer(broker.settings, broker.settings.topic("requests"), group_id=group)
    await joined.start()
    try:
        await joined.getmany(timeout_ms=100)
        assert await members(broker.settings, group) == 1
    finally:
        await joined.stop()


async def test_a_group_has_committed_what_it_has(broker: EmbeddedBroker) -> None:
    group, topic = broker.settings.topic("recommend"), broker.settings.topic("requests")
    joined = consumer(broker.settings, topic, group_id=group)
    await joined.start()
    try:
        await joined.commit({TopicPartition(topic, 0): 5})
    finally:
        await joined.stop()
    assert (await committed(broker.settings, group, topic))[topic, 0] == 5
