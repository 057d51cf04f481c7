"""Answers on clients' topics: in order, beside everything else, and given up where a topic takes
none."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.errors import MessageSizeTooLargeError, RecordListTooLargeError

from schemas.parts import ReplyTo
from streams.clients import replies as module
from streams.clients.embedded_broker import EmbeddedBroker
from streams.clients.replies import Replies
from streams.settings import Settings
from tests.streams.clients.traffic import records

FINE, STUCK, GONE = (ReplyTo(topic=f"replies.{name}") for name in ("fine", "stuck", "gone"))


class Producer:
    """Takes records at once, but for topics that are stuck or refuse."""

    def __init__(self) -> None:
        self.placed: list[tuple[str, bytes]] = []
        self.tried = 0
        self.refusal: Exception | None = None
        self.at_once = False
        """Whether the client refuses before the broker is asked."""

    async def start(self) -> None:
        return None

    async def stop(self) -> None:
        return None

    async def send(self, topic: str, value: bytes, **_: Any) -> asyncio.Future[Any]:
        self.tried += 1
        placed = asyncio.get_running_loop().create_future()
        if self.refusal is not None and self.at_once:
            raise self.refusal
        if self.refusal is not None:
            placed.set_exception(self.refusal)
        elif topic != STUCK.topic:
            self.placed.append((topic, value))
            placed.set_result(None)
        return placed


@pytest.fixture(name="producer")
def _producer(monkeypatch: pytest.MonkeyPatch) -> Producer:
    """Limits scaled down, and a cluster that has all topics but one."""
    made = Producer()
    monkeypatch.setattr(module, "producer", lambda settings, **overrides: made)
    monkeypatch.setattr(module, "_PATIENCE", 0.05)
    monkeypatch.setattr(module, "_REST", 0.2)
    monkeypatch.setattr(module, "_AT_THE_END", 0.05)
    return made


@pytest.fixture(name="replies")
def _replies(producer: Producer) -> Replies:
    async def exists(topic: str, partition: int | None) -> bool:
        await asyncio.sleep(0)
        return topic != GONE.topic

    async def close() -> None:
        return None

    made = Replies(Settings())
    made._topics = SimpleNamespace(exists=exists, close=close)  # type: ignore[assignment]
    return made


def sent(replies: Replies, reply: ReplyTo, *values: bytes) -> list[asyncio.Future[None]]:
    return [replies.send(reply, b"k", value, []) for value in values]


async def test_answers_to_a_topic_stay_in_order(replies: Replies, producer: Producer) -> None:
    values = [b"%d" % number for number in range(20)]
    first = sent(replies, FINE, *values[:10])
    await asyncio.sleep(0)
    await asyncio.gather(*first, *sent(replies, FINE, *values[10:]))
    assert producer.placed == [(FINE.topic, value) for value in values]


async def test_a_stuck_topic_keeps_no_other_waiting_and_is_then_left_alone(
    replies: Replies, producer: Producer, caplog: pytest.LogCaptureFixture
) -> None:
    stuck = sent(replies, STUCK, b"1", b"2")
    await asyncio.gather(*sent(replies, FINE, b"a"))
    assert producer.placed == [(FINE.topic, b"a")] and not any(each.done() for each in stuck)
    await asyncio.gather(*stuck)
    assert "replies.stuck took no answer: TimeoutError" in caplog.text
    tried = producer.tried
    assert all(each.done() for each in sent(replies, STUCK, b"3", b"4"))
    assert producer.tried == tried
    await asyncio.sleep(0.25)
    await asyncio.gather(*sent(replies, STUCK, b"5"))
    assert producer.tried == tried + 1


async def test_a_topic_that_refuses_is_left_alone(replies: Replies, producer: Producer) -> None:
    producer.refusal = PermissionError("no")
    await asyncio.gather(*sent(replies, FINE, b"1"))
    producer.refusal = None
    await asyncio.gather(*sent(replies, FINE, b"2"))
    assert producer.placed == []


@pytest.mark.parametrize("at_once", [False, True])
@pytest.mark.parametrize("refusal", [MessageSizeTooLargeError(), RecordListTooLargeError()])
async def test_an_answer_that_is_too_large_is_its_own_loss(
    replies: Replies, producer: Producer, refusal: Exception, at_once: bool
) -> None:
    producer.refusal, producer.at_once = refusal, at_once
    await asyncio.gather(*sent(replies, FINE, b"1"))
    producer.refusal = None
    await asyncio.gather(*sent(replies, FINE, b"2"))
    assert producer.placed == [(FINE.topic, b"2")]


async def test_a_topic_that_is_not_there_is_told(
    replies: Replies, producer: Producer, caplog: pytest.LogCaptureFixture
) -> None:
    await asyncio.gather(*sent(replies, GONE, b"1"))
    assert producer.tried == 0 and "replies.gone[None] is not there" in caplog.text


async def test_only_so_many_answers_wait(
    replies: Replies, producer: Producer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_MOST_WAITING", 3)
    assert [each.done() for each in sent(replies, STUCK, *[b"x"] * 5)] == [False] * 3 + [True] * 2
    monkeypatch.setattr(module, "_MOST_WAITING", 100)
    monkeypatch.setattr(module, "_MOST_BYTES", 5)
    assert [each.done() for each in sent(replies, FINE, b"12", b"3")] == [False, True]
    await replies.stop()


async def test_only_so_many_topics_are_remembered(
    replies: Replies, producer: Producer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_MOST_RESTING", 2)
    producer.refusal = PermissionError()
    for number in range(5):
        await asyncio.gather(*sent(replies, ReplyTo(topic=f"replies.{number}"), b"1"))
    assert list(replies._resting) == ["replies.3", "replies.4"]
    assert not replies._waiting and not replies._tasks


async def test_at_the_end_nothing_waits_for_long(replies: Replies, producer: Producer) -> None:
    waiting = sent(replies, STUCK, b"1") + sent(replies, FINE, b"2")
    await asyncio.wait_for(replies.stop(), 5)
    assert all(each.done() for each in waiting) and producer.placed == [(FINE.topic, b"2")]


async def test_a_broker_takes_them(broker: EmbeddedBroker) -> None:
    replies = Replies(broker.settings)
    reply = ReplyTo(topic=broker.settings.topic("progress"), partition=1)
    await asyncio.gather(
        *(replies.send(reply, b"k", value, [("h", b"1")]) for value in (b"1", b"2"))
    )
    await replies.stop()
    found = await records(broker.settings, "progress")
    assert [(each.partition, each.value, each.headers) for each in found] == [
        (1, b"1", (("h", b"1"),)),
        (1, b"2", (("h", b"1"),)),
    ]
