"""A client publishes under keys and ids, and waits for its own answers."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from schemas.errors import NotReady
from schemas.feedback import Feedback
from schemas.progress import Progress
from schemas.recommendations import Recommendation
from schemas.requests import GenerationRequest
from schemas.users import UserCommand
from streams.clients.client import Client
from streams.clients.embedded_broker import EmbeddedBroker, free_port
from streams.settings import Settings
from streams.wire.codecs import decode, encode
from tests.streams.clients.traffic import put, records


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


async def test_pieces_are_heard_before_the_answer(broker: EmbeddedBroker, client: Client) -> None:
    heard: list[Progress] = []
    request = GenerationRequest(user_id="ada", prompt="p", request_id="r", stream=True)
    asking = asyncio.create_task(client.ask(request, within=20, hear=heard.append))
    while not await records(broker.settings, "requests"):
        await asyncio.sleep(0.02)
    mine = Progress(kind="piece", request_id="r", user_id="ada", index=0, sequence=0, text="a")
    others = [
        replace(mine, user_id="ben"),
        replace(mine, request_id="r-2"),
        replace(mine, text="b"),
    ]
    await put(broker.settings, "genre.progress", b"garbage", *map(encode, [mine, *others]))
    while len(heard) < 2:
        await asyncio.sleep(0.02)
    answer = Recommendation(request_id="r", user_id="ada", status="expired")
    await put(broker.settings, "genre.recommendations", encode(answer))
    assert await asking == answer
    assert [piece.text for piece in heard] == ["a", "b"]
