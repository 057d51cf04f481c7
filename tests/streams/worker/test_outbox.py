"""The outbox: events under their topic's key with derived ids; replies keep nothing waiting but the
commit."""

from __future__ import annotations

import asyncio

import pytest

from schemas.parts import ReplyTo
from schemas.progress import Progress
from schemas.recommendations import Recommendation
from streams.wire.dead_letters import DeadLetter
from streams.wire.headers import event_id
from streams.wire.roles import ROLES
from streams.wire.source import Source
from streams.wire.topics import BY_NAME
from streams.worker.delivery import Delivery, Output, Tombstone
from streams.worker.outbox import Outbox
from tests.streams.worker.fakes import Producer, Replies

ANSWER = Recommendation(request_id="r-1", user_id="ada", tenant="acme", status="expired")
SOURCE = Source(
    topic="genre.candidates",
    partition=0,
    offset=1,
    timestamp=1.0,
    key=b"k",
    value=b"{}",
    headers=(("traceparent", b"00-1"),),
)
CAUSE = Delivery(event="x", source=SOURCE, id="cause-1")


def outbox(producer: Producer, role: str = "recommend", replies: Replies | None = None) -> Outbox:
    declared = ROLES[role]
    return Outbox(
        producer,
        role=declared,
        writes=declared.writes,
        prefix="genre.",
        replies=replies or Replies(),
    )


async def test_an_event_goes_to_its_topic_under_its_key_with_a_derived_id() -> None:
    producer = Producer()
    await outbox(producer).publish(Output(event=ANSWER, cause=CAUSE))
    (sent,) = producer.sent
    headers = dict(sent.headers)
    assert (sent.topic, sent.key, sent.partition) == ("genre.recommendations", b"acme/ada", None)
    assert sent.event(Recommendation) == ANSWER
    assert headers["ce_id"].decode() == event_id(BY_NAME["recommendations"], "acme/ada/r-1")
    assert headers["ce_source"] == b"/genre/recommend"
    assert headers["ce_causationid"] == b"cause-1"
    assert headers["ce_correlationid"] == b"r-1"
    assert headers["traceparent"] == b"00-1"
    assert producer.reported == 1


async def test_a_repeated_event_has_the_same_id_and_bytes() -> None:
    producer = Producer()
    for _ in range(2):
        await outbox(producer).publish(Output(event=ANSWER))
    first, second = producer.sent
    assert (first.key, first.value) == (second.key, second.value)
    assert dict(first.headers)["ce_id"] == dict(second.headers)["ce_id"]


async def test_a_reply_goes_to_the_clients_topic_with_its_correlation_id_byte_for_byte() -> None:
    producer, replies, raw = Producer(), Replies(), bytes(range(0, 256, 16))
    reply = ReplyTo(topic="replies.shop", partition=2, correlation_id=raw.decode("latin-1"))
    await outbox(producer, replies=replies).publish(Output(event=ANSWER, reply=reply))
    (own,), (replied,) = producer.sent, replies.sent
    assert own.topic == "genre.recommendations"
    assert (replied.topic, replied.partition) == ("replies.shop", 2)
    assert (replied.key, replied.value) == (own.key, own.value)
    for name in ("ce_correlationid", "correlation_id", "kafka_correlationId"):
        assert [content for each, content in replied.headers if each == name] == [raw]
    assert dict(replied.headers)["ce_id"] == dict(own.headers)["ce_id"]
    assert producer.reported == 1


async def test_without_a_correlation_id_the_request_id_is_it() -> None:
    replies = Replies()
    await outbox(Producer(), replies=replies).publish(
        Output(event=ANSWER, reply=ReplyTo(topic="replies.shop"))
    )
    assert dict(replies.sent[0].headers)["ce_correlationid"] == b"r-1"


async def test_a_reply_keeps_nothing_waiting_but_the_commit() -> None:
    producer, replies = Producer(), Replies(at_once=False)
    box = outbox(producer, replies=replies)
    for _ in range(3):
        await box.publish(Output(event=ANSWER, reply=ReplyTo(topic="replies.slow")))
    assert (producer.reported, len(replies.sent)) == (3, 3)
    committing = asyncio.create_task(box.settled())
    for reply in replies.settled:
        await asyncio.sleep(0)
        assert not committing.done()
        reply.set_result(None)
    await asyncio.wait_for(committing, 1)


async def test_a_tombstone_deletes_its_key() -> None:
    producer = Producer()
    await outbox(producer).publish(Output(event=Tombstone(topic="preferences", key="ada")))
    (sent,) = producer.sent
    assert (sent.topic, sent.key, sent.value) == ("genre.preferences", b"ada", None)


async def test_a_letter_is_written_as_it_is() -> None:
    producer = Producer()
    letter = DeadLetter(topic="genre.requests.dlq", key=None, value=b"\xff", headers=(("x", b"1"),))
    await outbox(producer).bury(letter)
    (sent,) = producer.sent
    assert (sent.topic, sent.key, sent.value, sent.headers) == (
        letter.topic,
        None,
        b"\xff",
        letter.headers,
    )


async def test_what_the_broker_refuses_is_raised() -> None:
    with pytest.raises(ConnectionError):
        await outbox(Producer(refuse=ConnectionError())).publish(Output(event=ANSWER))


def piece(sequence: int) -> Output:
    return Output(
        event=Progress(
            kind="piece", request_id="r", user_id="ada", index=0, sequence=sequence, text="a"
        )
    )


async def test_pieces_are_sent_without_waiting_and_waited_for_before_a_commit() -> None:
    producer = Producer()
    box = outbox(producer, "generate")
    for sequence in range(3):
        await box.publish(piece(sequence))
    assert (len(producer.sent), producer.reported) == (3, 0)
    await box.settled()
    assert producer.reported == 3


async def test_a_piece_that_the_broker_refuses_is_raised_before_a_commit() -> None:
    box = outbox(Producer(refuse=ConnectionError()), "generate")
    await box.publish(piece(0))
    with pytest.raises(ConnectionError):
        await box.settled()


async def test_only_so_many_pieces_are_on_their_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.worker.outbox._MOST_UNSETTLED", 2)
    producer = Producer()
    box = outbox(producer, "generate")
    for sequence in range(10):
        await box.publish(piece(sequence))
        assert len(producer.sent) - producer.reported <= 2
