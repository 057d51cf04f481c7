"""A topic is read to its end or for ever."""

from __future__ import annotations

import asyncio

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin.records_to_delete import RecordsToDelete

from schemas.errors import NotReady
from streams.clients.embedded_broker import EmbeddedBroker
from streams.clients.kafka import admin
from streams.clients.reader import Reader, read
from streams.settings import Settings
from tests.streams.clients.traffic import put, records, transact


async def test_reading_stops_at_the_end_or_follows(broker: EmbeddedBroker) -> None:
    settings = broker.settings
    assert await records(settings, "requests") == []
    await put(settings, "genre.requests", b"1", b"2", None)
    assert [record.value for record in await records(settings, "requests")] == [b"1", b"2", None]
    following = read(settings, "genre.requests", follow=True)
    assert [(await anext(following)).value for _ in range(3)] == [b"1", b"2", None]
    await put(settings, "genre.requests", b"3")
    assert (await anext(following)).value == b"3"
    await following.aclose()


@pytest.mark.kafka
async def test_reading_a_topic_that_is_not_there_says_so(on_kafka: Settings) -> None:
    with pytest.raises(NotReady) as caught:
        await anext(read(on_kafka, "no.such.topic"))
    assert caught.value.code == "no_topic" and "no.such.topic" in caught.value.message


async def test_a_reader_knows_how_much_was_ever_written_and_whether_all_is_read(
    broker: EmbeddedBroker,
) -> None:
    topic = "genre.requests"
    await put(broker.settings, topic, b"1", b"2")
    async with (
        Reader(broker.settings, topic) as whole,
        Reader(broker.settings, topic, beginning=False) as rest,
    ):
        await put(broker.settings, topic, b"3")
        assert await rest.is_read() and not await whole.is_read()
        assert await whole.written() == 3 and not await whole.is_cut()
        while not (taken := await rest.take()):
            pass
        assert [record.value for record in taken] == [b"3"]


@pytest.mark.kafka
async def test_a_topic_that_has_lost_its_first_records_is_cut(on_kafka: Settings) -> None:
    topic = on_kafka.topic("requests")
    await put(on_kafka, topic, b"1", b"2")
    first, _ = await records(on_kafka, "requests")
    async with Reader(on_kafka, topic) as reader:
        assert not await reader.is_cut()
        client = admin(on_kafka)
        await client.start()
        try:
            place = TopicPartition(topic, first.partition)
            await client.delete_records({place: RecordsToDelete(before_offset=1)})
        finally:
            await client.close()
        assert await reader.is_cut() and await reader.written() == 2


async def values(settings: Settings) -> list[bytes | None]:
    """What stands in `requests`, which nothing may keep from being read to its end."""
    async with asyncio.timeout(10):
        return [record.value for record in await records(settings, "requests")]


@pytest.mark.kafka
async def test_a_topic_that_ends_in_an_aborted_transaction_is_read_to_its_end(
    on_kafka: Settings,
) -> None:
    topic = on_kafka.topic("requests")
    await put(on_kafka, topic, b"1")
    await transact(on_kafka, topic, b"2", b"3")
    await transact(on_kafka, topic, b"never", b"nowhere", commit=False)
    assert await values(on_kafka) == [b"1", b"2", b"3"]


@pytest.mark.kafka
async def test_an_open_transaction_keeps_nobody_waiting(on_kafka: Settings) -> None:
    topic = on_kafka.topic("requests")
    await put(on_kafka, topic, b"1")
    async with AIOKafkaProducer(
        bootstrap_servers=on_kafka.brokers, transactional_id=on_kafka.prefix
    ) as sender:
        await sender.begin_transaction()
        await sender.send_and_wait(topic, b"2", key=b"k")
        await put(on_kafka, topic, b"3")
        assert await values(on_kafka) == [b"1"]
        await sender.commit_transaction()
    assert await values(on_kafka) == [b"1", b"2", b"3"]


@pytest.mark.kafka
async def test_batches_of_every_codec_are_read(on_kafka: Settings) -> None:
    topic, value = on_kafka.topic("requests"), b"text " * 1_000
    for codec in ("gzip", "lz4", "snappy", "zstd"):
        async with AIOKafkaProducer(
            bootstrap_servers=on_kafka.brokers, compression_type=codec
        ) as sender:
            await sender.send_and_wait(topic, value, key=codec.encode())
    read = [record.value for record in await records(on_kafka, "requests")]
    assert read == [value] * 4
