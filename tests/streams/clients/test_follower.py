"""A follower starts caught up, stays current, and never goes on in silence."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from schemas.adapters import AdapterEvent
from streams.clients.client import Client
from streams.clients.embedded_broker import EmbeddedBroker
from streams.clients.follower import Follower
from streams.clients.reader import Reader
from streams.settings import Settings
from streams.wire.codecs import encode
from streams.wire.source import Source
from streams.wire.topics import BY_NAME
from tests.streams.clients.traffic import adapter, put, transact


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


async def test_nothing_that_is_followed_is_later_than_its_record(broker: EmbeddedBroker) -> None:
    # A correction of the year 9999 would never fade, and its adapter be the newest for ever.
    settings, known = broker.settings, list[AdapterEvent | None]()
    far = replace(adapter("poem@0123456789ab"), time=datetime(9999, 12, 31, tzinfo=UTC))
    await put(settings, "genre.adapters", encode(far), key=far.name.encode())
    follower = Follower[AdapterEvent](
        settings, BY_NAME["adapters"], lambda key, event: known.append(event)
    )
    await follower.start()
    await follower.stop()
    times = [event.time for event in known if event is not None and event.name == far.name]
    assert len(times) == 1 and times[0] <= datetime.now(UTC)


async def test_a_record_that_its_reader_fails_on_is_skipped(
    broker: EmbeddedBroker, caplog: pytest.LogCaptureFixture
) -> None:
    # It stands in the topic for ever: a worker that it ended would not start again.
    known = list[str]()

    def take(key: str, event: AdapterEvent | None) -> None:
        known.append(key)
        if key == "bad":
            raise ValueError("a secret")

    follower = Follower[AdapterEvent](broker.settings, BY_NAME["adapters"], take)
    await put(broker.settings, "genre.adapters", None, key=b"bad")
    await follower.start()
    try:
        await put(broker.settings, "genre.adapters", None, key=b"bad")
        await put(broker.settings, "genre.adapters", None, key=b"good")
        async with asyncio.timeout(10):
            while known.count("bad") < 2 or "good" not in known:
                await asyncio.sleep(0.01)
    finally:
        await follower.stop()
    assert "skipped: ValueError at" in caplog.text
    assert "secret" not in caplog.text


async def test_a_follower_that_cannot_read_on_ends_its_worker(
    broker: EmbeddedBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = asyncio.Event()
    monkeypatch.setattr("os._exit", lambda status: ended.set())
    monkeypatch.setattr("logging.shutdown", lambda: None)
    follower = Follower[AdapterEvent](broker.settings, BY_NAME["adapters"], lambda key, event: None)
    await follower.start()

    async def fails(reader: Reader, *, within: float = 0.0) -> list[Source]:
        raise ZeroDivisionError

    monkeypatch.setattr(Reader, "take", fails)
    await put(broker.settings, "genre.adapters", encode(adapter("joke@0123456789ab")))
    await asyncio.wait_for(ended.wait(), 10)
    await follower.stop()


async def test_a_follower_whose_task_is_cancelled_ends_its_worker_unless_it_was_stopped(
    broker: EmbeddedBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = list[int]()
    monkeypatch.setattr("os._exit", ended.append)
    monkeypatch.setattr("logging.shutdown", lambda: None)
    for stopped in (True, False):
        follower = Follower[AdapterEvent](
            broker.settings, BY_NAME["adapters"], lambda key, event: None
        )
        await follower.start()
        assert follower._task is not None
        if stopped:
            await follower.stop()
        else:
            follower._task.cancel()
            await asyncio.wait({follower._task})
        await asyncio.sleep(0.01)
    assert ended == [70]


@pytest.mark.kafka
async def test_a_follower_catches_up_behind_aborted_transactions(
    on_kafka: Settings,
) -> None:
    names = [f"joke@{number:012x}" for number in range(20)]
    async with Client(on_kafka) as client:
        for name in names:
            await client.publish(adapter(name))
    gone = encode(adapter("joke@ffffffffffff"))
    for key in (b"a", b"b", b"c", b"d"):
        await transact(on_kafka, on_kafka.topic("adapters"), gone, key=key, commit=False)
    known: dict[str, AdapterEvent | None] = {}
    follower = Follower[AdapterEvent](
        on_kafka, BY_NAME["adapters"], lambda key, event: known.update({key: event})
    )
    await follower.start()
    await follower.stop()
    assert sorted(known) == names
