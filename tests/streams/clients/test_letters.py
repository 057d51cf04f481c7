"""A letter is replayed once: by time, code or id, by two at the same time, after a kill midway."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator

import pytest

from schemas.errors import InvalidEvent, NotReady
from streams.clients import letters as replaying
from streams.clients.kafka import producer
from streams.clients.letters import letters, replay
from streams.clients.reader import Reader
from streams.settings import Settings
from streams.wire.dead_letters import dead_letter, place
from streams.wire.source import Source
from streams.wire.topics import BY_NAME

TOPIC = BY_NAME["requests"]


def everything(letter: Source) -> bool:
    return True


async def bury(settings: Settings, *values: bytes) -> None:
    """Write a letter for each value, as if it had stood at that offset of genre.requests[0]."""
    async with producer(settings) as sender:
        for number, value in enumerate(values):
            source = Source(
                topic=settings.topic("requests"),
                partition=0,
                offset=number,
                timestamp=1.0,
                key=b"ada",
                value=value,
                headers=(("case", value),),
            )
            why = InvalidEvent("not_json", "Expected JSON.")
            letter = dead_letter(source, why, group="g", stage="classify")
            await sender.send_and_wait(
                letter.topic, letter.value, key=letter.key, headers=list(letter.headers)
            )


async def replayed(settings: Settings) -> list[tuple[bytes | None, dict[str, bytes]]]:
    """Values and headers on genre.requests, as a worker sees them."""
    found = []
    name = settings.topic("requests")
    async with Reader(settings, name, isolation_level="read_committed") as reader:
        while not await reader.is_read():
            found += [(each.value, dict(each.headers)) for each in await reader.take()]
    return found


@pytest.fixture(autouse=True)
def _futures() -> Iterator[None]:
    """aiokafka leaves futures of a producer that was shut out: they complain here, not later."""
    yield
    gc.collect()


async def test_what_was_replayed_is_not_replayed_again(settings: Settings) -> None:
    await bury(settings, b"one", b"two", b"three")
    before = await letters(settings, TOPIC)
    assert [each.value for each in before.every] == [b"one", b"two", b"three"]
    second = place(before.every[1])
    assert await replay(settings, TOPIC, lambda letter: place(letter) == second) == 1
    # A transaction's end is on its way to the partitions when the broker confirms it.
    async with asyncio.timeout(10):
        while [each.value for each in (await letters(settings, TOPIC)).open] != [b"one", b"three"]:
            await asyncio.sleep(0.05)
    assert await replay(settings, TOPIC, everything) == 2
    assert await replay(settings, TOPIC, everything) == 0
    after = await letters(settings, TOPIC)
    assert after.every == before.every and len(after.replayed) == 3 and after.open == ()
    found = await replayed(settings)
    assert [value for value, _ in found] == [b"two", b"one", b"three"]
    topic = settings.topic("requests")
    assert found[0][1] == {"case": b"two", "ce_id": f"{topic}-0-1-1000".encode()}


@pytest.mark.kafka
async def test_a_replay_that_is_killed_midway_leaves_nothing_half_done(
    on_kafka: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    await bury(on_kafka, b"one", b"two", b"three", b"four")
    monkeypatch.setattr(replaying, "_BATCH", 2)
    real, marks = replaying._mark, 0
    reached, never = asyncio.Event(), asyncio.Event()

    async def mark(*given: object) -> object:
        nonlocal marks
        marks += 1
        if marks == 4:  # of the second transaction, whose last record stands without a marker
            reached.set()
            await never.wait()
        return await real(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(replaying, "_mark", mark)
    killed = asyncio.create_task(replay(on_kafka, TOPIC, everything))
    await reached.wait()
    monkeypatch.setattr(replaying, "_mark", real)
    assert await replay(on_kafka, TOPIC, everything) == 2
    never.set()
    with pytest.raises(NotReady, match="Another replay") as caught:
        await killed
    assert caught.value.code == "replay_taken_over"
    assert [value for value, _ in await replayed(on_kafka)] == [b"one", b"two", b"three", b"four"]
    assert (await letters(on_kafka, TOPIC)).open == ()


@pytest.mark.kafka
async def test_two_that_replay_at_the_same_time_replay_each_letter_once(on_kafka: Settings) -> None:
    await bury(on_kafka, *(b"%d" % number for number in range(20)))
    both = await asyncio.gather(
        *(replay(on_kafka, TOPIC, everything) for _ in range(2)), return_exceptions=True
    )
    for each in both:
        assert isinstance(each, int) or (
            isinstance(each, NotReady) and each.code == "replay_taken_over"
        )
    await replay(on_kafka, TOPIC, everything)
    found = [value or b"" for value, _ in await replayed(on_kafka)]
    assert sorted(found) == sorted(b"%d" % number for number in range(20))
