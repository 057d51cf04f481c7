"""Whether a client's reply topic is there: asked seldom, over one connection, and never made."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from streams.clients import reply_topics
from streams.clients.embedded_broker import EmbeddedBroker
from streams.clients.kafka import admin
from streams.clients.reply_topics import ReplyTopics
from streams.settings import Settings


async def test_a_reply_topic_is_known_by_its_partitions(broker: EmbeddedBroker) -> None:
    replies = ReplyTopics(broker.settings)
    assert await replies.exists("genre.requests", None)
    assert await replies.exists("genre.requests", 1)
    assert not await replies.exists("genre.requests", 2)
    assert not await replies.exists("replies.nowhere", None)
    await replies.close()


@pytest.mark.kafka
async def test_a_reply_topic_that_is_not_there_is_not_made(on_kafka: Settings) -> None:
    replies = ReplyTopics(on_kafka)
    async with asyncio.timeout(30):
        # A broker hears of a new topic a moment after the controller has made it.
        while not await replies.exists(on_kafka.topic("requests"), 3):
            replies._known.clear()
            await asyncio.sleep(0.05)
    assert not await replies.exists(on_kafka.topic("requests"), 4)
    assert not await replies.exists(f"replies.{on_kafka.prefix}", None)
    await replies.close()
    client = admin(on_kafka)
    await client.start()
    try:
        assert f"replies.{on_kafka.prefix}" not in await client.list_topics()
    finally:
        await client.close()


class Cluster:
    """An administration client that counts what it is asked."""

    def __init__(self) -> None:
        self.made = self.asked = self.closed = 0
        self.fails = False

    def __call__(self, settings: Settings) -> Cluster:
        self.made += 1
        return self

    async def start(self) -> None:
        return None

    async def close(self) -> None:
        self.closed += 1

    async def describe_topics(self) -> list[dict[str, Any]]:
        self.asked += 1
        if self.fails:
            raise ConnectionError
        return [{"topic": "replies.shop", "partitions": [{}, {}]}]


@pytest.fixture(name="cluster")
def _cluster(monkeypatch: pytest.MonkeyPatch) -> Cluster:
    cluster = Cluster()
    monkeypatch.setattr(reply_topics, "admin", cluster)
    return cluster


async def test_many_questions_are_few_requests_over_one_connection(cluster: Cluster) -> None:
    replies = ReplyTopics(Settings())
    for _ in range(5):
        assert await replies.exists("replies.shop", 1)
        assert not await replies.exists("replies.gone", None)
    assert (cluster.made, cluster.asked, cluster.closed) == (1, 2, 0)


async def test_a_connection_that_fails_is_opened_anew(cluster: Cluster) -> None:
    replies, cluster.fails = ReplyTopics(Settings()), True
    with pytest.raises(ConnectionError):
        await replies.exists("replies.shop", 1)
    cluster.fails = False
    assert await replies.exists("replies.shop", 1)
    assert (cluster.made, cluster.closed) == (2, 1)


async def test_only_so_many_topics_are_remembered(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reply_topics, "_MOST_KNOWN", 3)
    replies = ReplyTopics(Settings())
    for number in range(10):
        await replies.exists(f"replies.{number}", None)
    assert list(replies._known) == ["replies.7", "replies.8", "replies.9"]
