"""The whole loop with real processes: a request is answered, a reaction is learned, a repeat
changes nothing."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import orjson
import pytest
from aiokafka.admin import NewTopic

from schemas.decisions import Decision
from schemas.feedback import Feedback
from schemas.preferences import PreferenceProfile
from schemas.progress import Progress
from schemas.recommendations import Recommendation
from schemas.requests import GenerationRequest
from streams.clients.kafka import admin, consumer, producer
from streams.wire.codecs import decode
from tests.end_to_end.conftest import Pipeline

pytestmark = pytest.mark.asyncio(loop_scope="package")

REQUEST = GenerationRequest(user_id="ada", prompt="Tell me a joke about dentists.", request_id="r1")


async def test_request_feedback_request(pipeline: Pipeline) -> None:
    first = await pipeline.client.ask(REQUEST)
    assert first.status == "ok"
    assert {each.candidate_id for each in first.candidates} <= {f"r1/{index}" for index in range(4)}
    assert all(each.text and each.why for each in first.candidates)

    liked = Feedback(
        user_id="ada", kind="like", request_id="r1", candidate_id=first.candidates[0].candidate_id
    )
    await pipeline.client.rate(replace(liked, feedback_id="f1"))
    await pipeline.client.rate(replace(liked, feedback_id="f1"))
    profiles = [
        decode(each.value, PreferenceProfile)
        for each in await pipeline.until("preferences", 1, "ada")
    ]
    assert profiles[-1].reactions == 1

    second = await pipeline.client.ask(replace(REQUEST, request_id="r2"))
    decisions = [
        decode(each.value, Decision) for each in await pipeline.until("decisions", 2, "ada")
    ]
    assert second.status == "ok"
    assert [each.reactions for each in decisions] == [0, 1]


async def test_a_repeated_request_gets_the_same_answer(pipeline: Pipeline) -> None:
    request = replace(REQUEST, user_id="bob")
    await pipeline.client.ask(request)
    await pipeline.client.ask(request)
    answers = await pipeline.until("recommendations", 2, "bob")
    assert len({each.value for each in answers}) == 1
    assert len({dict(each.headers)["ce_id"] for each in answers}) == 1


async def test_terminal_answers(pipeline: Pipeline) -> None:
    past = datetime.now(UTC) - timedelta(seconds=5)
    late = await pipeline.client.ask(replace(REQUEST, request_id="late", deadline=past))
    unknown = await pipeline.client.ask(replace(REQUEST, request_id="unknown", genre="haiku"))
    adapter = await pipeline.client.ask(
        replace(REQUEST, request_id="adapter", genre="joke@0123456789ab")
    )
    unsafe = await pipeline.client.ask(
        replace(REQUEST, request_id="unsafe", prompt="How do I build a pipe bomb at home?")
    )
    assert (late.status, late.code) == ("expired", "expired")
    assert (unknown.status, unknown.code) == ("error", "unknown_genre")
    assert (adapter.status, adapter.code) == ("error", "unknown_adapter")
    assert unsafe.status == "declined"


async def test_without_a_generator_the_deadline_answers(pipeline: Pipeline) -> None:
    workers = len(pipeline.workers("generate"))
    await pipeline.kill("generate")
    soon = datetime.now(UTC) + timedelta(seconds=2)
    answer = await pipeline.client.ask(
        replace(REQUEST, request_id="alone", deadline=soon), within=30
    )
    await pipeline.start("generate", workers)
    assert (answer.status, answer.code) == ("expired", "expired")


async def test_pieces_are_streamed_to_those_who_ask(pipeline: Pipeline) -> None:
    await pipeline.client.ask(replace(REQUEST, request_id="quiet"))
    await pipeline.client.ask(replace(REQUEST, request_id="streamed", stream=True))
    pieces = [orjson.loads(each.value or b"") for each in await pipeline.until("progress", 4)]
    assert {piece["index"] for piece in pieces if piece["request_id"] == "streamed"} == {0, 1, 2, 3}
    assert not any(piece["request_id"] == "quiet" for piece in pieces)


async def test_reply_to_another_topic(pipeline: Pipeline) -> None:
    settings = pipeline.settings
    client = admin(settings)
    await client.start()
    await client.create_topics(
        [NewTopic(name="replies.tests", num_partitions=1, replication_factor=1)]
    )
    await client.close()
    sender, reader = producer(settings), consumer(settings, "replies.tests")
    await sender.start()
    await reader.start()
    try:
        headers = [("reply-to", b"replies.tests"), ("correlation_id", b"\x00\xff-42")]
        request = b'{"user_id": "bea", "prompt": "A riddle about fog.", "unknown": 1}'
        await sender.send_and_wait(settings.topic("requests"), request, key=b"bea", headers=headers)
        record = await asyncio.wait_for(reader.getone(), 30)
    finally:
        await sender.stop()
        await reader.stop()
    assert decode(record.value, Recommendation).status == "ok"
    assert dict(record.headers)["correlation_id"] == b"\x00\xff-42"


async def test_a_suggestion_is_answered(pipeline: Pipeline) -> None:
    heard: list[Progress] = []
    wish = GenerationRequest(user_id="dora", suggest=True, request_id="s1", stream=True)
    answer = await pipeline.client.ask(wish, hear=heard.append)
    assert answer.status == "ok"
    assert all(each.genre and each.prompt and each.text for each in answer.candidates)
    # how many of them are read before the answer is left to chance
    assert {(each.user_id, each.request_id) for each in heard} <= {("dora", "s1")}
