"""Looking for a key's newest event from the end: it is found wherever it stands, and no more is
read than that takes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from schemas.errors import InvalidEvent
from schemas.recommendations import Recommendation
from streams.clients import newest as module
from streams.clients.embedded_broker import EmbeddedBroker
from streams.clients.kafka import producer
from streams.clients.newest import newest
from streams.clients.reader import Reader
from streams.settings import Settings
from streams.wire.codecs import decode, encode
from streams.wire.partitions import home_of
from tests.streams.clients.traffic import transact


def answer(user: str, name: str) -> Recommendation:
    return Recommendation(request_id=name, user_id=user, status="expired")


async def put(settings: Settings, *records: tuple[str, bytes | None]) -> None:
    """Write values under their keys, as every producer of GENRE would."""
    topic = settings.topic("recommendations")
    async with producer(settings) as sender:
        sent = [await sender.send(topic, value, key=key.encode()) for key, value in records]
        await asyncio.gather(*sent)


async def found(settings: Settings, user: str) -> str | None:
    event = await newest(settings, Recommendation, user)
    return None if event is None else event.request_id


@pytest.fixture
def read_from(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """The offsets that are read, as pairs of the first one and the one behind the last."""
    ranges: list[tuple[int, int]] = []
    between = Reader.between

    async def watched(reader: Reader, start: int, stop: int) -> AsyncIterator[object]:
        ranges.append((start, stop))
        async for record in between(reader, start, stop):
            yield record

    monkeypatch.setattr(Reader, "between", watched)
    return ranges


async def test_the_last_one_of_a_user_is_found(broker: EmbeddedBroker) -> None:
    settings = broker.settings
    assert await found(settings, "ada") is None
    events = [("ada", "a1"), ("bob", "b1"), ("ada", "a2"), ("bob", "b2"), ("cy", "c1")]
    await put(settings, *((user, encode(answer(user, name))) for user, name in events))
    assert [await found(settings, user) for user in ("ada", "bob", "cy", "dan")] == [
        "a2",
        "b2",
        "c1",
        None,
    ]


async def test_no_more_is_read_than_it_takes(
    broker: EmbeddedBroker, read_from: list[tuple[int, int]]
) -> None:
    settings = broker.settings
    others = [("bob", encode(answer("bob", f"b{number}"))) for number in range(200)]
    neighbour = next(
        name
        for name in ("ada", "cy", "dan", "eve", "fay", "gil", "hal")
        if home_of(name, settings.partitions) == home_of("bob", settings.partitions)
    )
    await put(settings, (neighbour, encode(answer(neighbour, "first"))), *others)
    assert await found(settings, "bob") == "b199"
    ((start, stop),) = read_from
    assert start > 0 and stop - start == module._STEP
    read_from.clear()
    assert await found(settings, neighbour) == "first"
    assert read_from == [(start, stop), (0, start)]


async def test_a_tombstone_is_the_last_word(broker: EmbeddedBroker) -> None:
    await put(broker.settings, ("ada", encode(answer("ada", "a1"))), ("ada", None))
    assert await found(broker.settings, "ada") is None


async def test_what_cannot_be_read_is_not_passed_over(broker: EmbeddedBroker) -> None:
    await put(broker.settings, ("ada", encode(answer("ada", "a1"))), ("ada", b"garbage"))
    with pytest.raises(InvalidEvent):
        await found(broker.settings, "ada")


@pytest.mark.kafka
async def test_behind_the_newest_may_be_the_end_of_a_transaction(on_kafka: Settings) -> None:
    topic, kept = on_kafka.topic("recommendations"), encode(answer("ada", "kept"))
    await transact(on_kafka, topic, kept, key=b"ada")
    await transact(on_kafka, topic, encode(answer("ada", "no")), key=b"ada", commit=False)
    async with asyncio.timeout(10):
        assert await found(on_kafka, "ada") == "kept"


async def test_backwards_each_is_given_once(broker: EmbeddedBroker) -> None:
    names = [f"a{number}" for number in range(3 * module._STEP)]
    await put(broker.settings, *(("ada", encode(answer("ada", name))) for name in names))
    read = module.backwards(broker.settings, "recommendations", "ada")
    given = [decode(record.value, Recommendation).request_id async for record in read]
    assert given == names[::-1]
