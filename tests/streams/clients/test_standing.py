"""Ends, members, positions, and since when something waits: on both brokers."""

from __future__ import annotations

import asyncio
import time

import pytest
from aiokafka import TopicPartition

from streams.clients.kafka import consumer, producer
from streams.clients.standing import standing
from streams.settings import Settings

HOUR = 3600


async def test_what_waits_is_counted_and_dated(settings: Settings) -> None:
    requests, users = settings.topic("requests"), settings.topic("users")
    now = time.time()
    async with producer(settings) as sender:
        for number in range(5):
            stamp = int(1000 * (now - HOUR + 60 * number))
            await sender.send_and_wait(requests, b"x" * 1000, partition=0, timestamp_ms=stamp)
        await sender.send_and_wait(users, b"x", partition=1)
    group, other = settings.topic("classify"), settings.topic("train")
    joined = consumer(settings, requests, group_id=group)
    await joined.start()
    try:
        await joined.commit({TopicPartition(requests, 0): 2, TopicPartition(requests, 1): 0})
        found = await standing(
            settings, [requests, users], {group: [requests], other: [users, requests]}
        )
    finally:
        await joined.stop()
    assert found.ends[requests, 0] == 5 and found.begins[requests, 0] == 0
    one, two = found.groups[group], found.groups[other]
    assert len(one.members) == 1 and two.members == frozenset()
    assert (one.lag(requests, found.ends), two.lag(requests, found.ends)) == (3, 5)
    assert two.lag(users, found.ends) == 1
    assert one.waiting.keys() == {(requests, 0)}
    assert abs(one.waiting[requests, 0] - (now - HOUR + 120)) < 1
    assert two.waiting.keys() == {(requests, 0), (users, 1)}


@pytest.mark.kafka
async def test_marks_of_transactions_alone_wait_for_nobody(on_kafka: Settings) -> None:
    requests, group = on_kafka.topic("requests"), on_kafka.topic("classify")
    sender = producer(on_kafka, transactional_id=f"{requests}.t")
    async with sender, sender.transaction():
        await sender.send_and_wait(requests, b"x", partition=0)
    joined = consumer(on_kafka, requests, group_id=group)
    await joined.start()
    try:
        await joined.commit({TopicPartition(requests, 0): 1})
        async with asyncio.timeout(10):
            # The transaction's end is on its way when the broker confirms it.
            while True:
                found = await standing(on_kafka, [requests], {group: [requests]})
                if found.ends[requests, 0] == 2:
                    break
    finally:
        await joined.stop()
    assert found.groups[group].waiting == {} and found.groups[group].lag(requests, found.ends) == 0
