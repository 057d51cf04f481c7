"""A request over HTTP: it waits or streams, goes on after a break, and is cancelled by leaving."""

from __future__ import annotations

import asyncio
import json
import resource
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import aiohttp
import pytest

from schemas.requests import Cancel, GenerationRequest
from streams.gateway import recommendations
from streams.gateway.journal import Asked
from tests.streams.gateway.conftest import Door, answer, record_of, whole

PATH = "/v1/recommendations"
WISH = {"user_id": "ada", "prompt": "a joke", "request_id": "r1"}
STREAM = {"Accept": "text/event-stream"}


def told(stream: str) -> list[dict[str, Any]]:
    """The events of a stream."""
    events = []
    for block in stream.replace("\r\n", "\n").strip().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.split("\n"))
        events.append(fields | {"data": json.loads(fields["data"])})
    return events


async def test_a_request_waits_for_its_answer(door: Door) -> None:
    async with door.http.post(PATH, json=WISH) as response:
        assert response.status == 200
        document = await response.json()
    assert [each["candidate_id"] for each in document["candidates"]] == ["r1/1", "r1/0"]
    (asked,) = door.kafka.events
    assert (asked.user_id, asked.request_id, asked.stream) == ("ada", "r1", False)
    assert door.backend.open == 0 and not door.backend.journal._watches


async def test_a_request_streams_what_becomes_of_it(door: Door) -> None:
    async with door.http.post(PATH, json=WISH, headers=STREAM) as response:
        assert response.content_type == "text/event-stream"
        events = told(await response.text())
    names = ["request", "classified", "planned", "piece", "piece", "candidates", "recommendation"]
    assert [each["event"] for each in events] == names
    assert events[3]["data"]["text"] == "Piece 0." and events[3]["data"]["arm"]["genre"] == "joke"
    assert door.kafka.events[0].stream is True


async def test_the_answer_of_another_user_with_the_same_id_is_not_taken(door: Door) -> None:
    door.kafka.script = lambda asked: [
        answer(GenerationRequest(user_id="eve", prompt="x", request_id="r1"), ("Not yours.",)),
        answer(asked),
    ]
    async with door.http.post(PATH, json=WISH) as response:
        assert (await response.json())["user_id"] == "ada"


@pytest.mark.parametrize(
    ("status", "code", "http"),
    [
        ("expired", "expired", 504),
        ("declined", "declined", 422),
        ("error", "unknown_genre", 422),
        ("error", "too_many_open", 429),
        ("error", "generate_failed", 500),
        ("error", "cancelled", 409),
    ],
)
async def test_an_answer_without_texts_has_a_status(
    door: Door, status: str, code: str, http: int
) -> None:
    door.kafka.script = lambda asked: [
        answer(asked, (), status=status, code=code, message="Because.")
    ]
    async with door.http.post(PATH, json=WISH) as response:
        document = await response.json()
        assert (response.status, response.content_type) == (http, "application/problem+json")
        assert ("Retry-After" in response.headers) == (http == 429)
    assert (document["code"], document["detail"]) == (code, "Because.")
    assert document["request_id"] == "r1"


async def test_no_answer_by_the_deadline_says_how_to_get_it(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recommendations, "_DEADLINE", 0.0)
    monkeypatch.setattr(recommendations, "_LATE", 0.05)
    door.kafka.script = lambda _: ()
    async with door.http.post(PATH, json=WISH) as response:
        assert response.status == 504
        assert "GET /v1/recommendations" in (await response.json())["detail"]
    async with door.http.post(PATH, json=WISH, headers=STREAM) as response:
        last = told(await response.text())[-1]
    assert (last["event"], last["data"]["code"]) == ("error", "no_answer")


async def test_without_kafka_it_is_told_before_a_stream_begins(door: Door) -> None:
    door.kafka.away = True
    for headers in ({}, STREAM):
        async with door.http.post(PATH, json=WISH, headers=headers) as response:
            assert response.status == 503 and response.headers["Retry-After"]
            assert (await response.json())["code"] == "no_broker"


async def test_a_client_that_leaves_cancels(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recommendations, "_GRACE", 0.0)
    door.kafka.script = lambda _: ()
    for headers in ({}, STREAM):
        door.kafka.events.clear()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2), door.http.post(PATH, json=WISH, headers=headers) as r:
                await r.read()
        async with asyncio.timeout(5):
            while len(door.kafka.events) < 2:
                await asyncio.sleep(0.01)
        assert door.kafka.events[1] == Cancel(request_id="r1", user_id="ada")
        assert door.backend.open == 0


async def test_a_request_is_cancelled_by_its_id(door: Door) -> None:
    async with door.http.delete(f"{PATH}/r1?user_id=ada&tenant=acme") as response:
        assert response.status == 202
    assert door.kafka.events == [Cancel(request_id="r1", user_id="ada", tenant="acme")]
    async with door.http.delete(f"{PATH}/r1") as response:
        assert (response.status, (await response.json())["code"]) == (422, "missing_field")


async def test_a_client_that_is_back_in_time_cancels_nothing(door: Door) -> None:
    asked = Asked("r1", "ada", None)
    with pytest.raises(ConnectionResetError), door.backend.wanted(asked, 0.02):
        raise ConnectionResetError
    with door.backend.journal.watching(asked):
        await asyncio.sleep(0.06)
    assert door.kafka.events == []


async def test_a_gateway_that_ends_cancels_nothing(door: Door) -> None:
    door.backend.stopping = True
    with pytest.raises(asyncio.CancelledError), door.backend.wanted(Asked("r1", "ada", None)):
        raise asyncio.CancelledError
    await asyncio.sleep(0.02)
    assert door.kafka.events == []


async def test_a_stream_goes_on_behind_its_last_event(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with door.http.post(PATH, json=WISH, headers=STREAM) as response:
        events = told(await response.text())
    seen = []

    async def missed(watch: Any) -> Any:
        for offset, made in enumerate(whole(door.kafka.events[0])):
            found = watch.take(*record_of(made, offset))
            if found is not None:
                seen.append(found.topic)
                yield found

    monkeypatch.setattr(door.backend.journal, "missed", missed)
    headers = STREAM | {"Last-Event-ID": events[3]["id"]}
    for call in (
        door.http.post(PATH, json=WISH, headers=headers),
        door.http.get(f"{PATH}/r1?user_id=ada", headers=headers),
    ):
        async with call as response:
            after = told(await response.text())
        assert [each["event"] for each in after] == ["piece", "candidates", "recommendation"]
        assert after[0]["data"]["index"] == 1
    assert len(door.kafka.events) == 1, "it was not asked again"


async def test_an_answer_is_read_again_by_its_id(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = GenerationRequest(user_id="ada", prompt="x", request_id="r1")
    records = [record_of(answer(asked))[1]]

    async def last(_settings: Any, topic: str, key: str, meant: Any) -> Any:
        assert (topic, key) == ("recommendations", "ada")
        return next((each for each in records if meant(each)), None)

    monkeypatch.setattr(recommendations, "last", last)
    async with door.http.get(f"{PATH}/r1?user_id=ada") as response:
        assert response.status == 200 and (await response.json())["status"] == "ok"
    async with door.http.get(f"{PATH}/r1?user_id=ada", headers=STREAM) as response:
        assert told(await response.text())[-1]["event"] == "recommendation"
    async with door.http.get(f"{PATH}/r2?user_id=ada") as response:
        assert (response.status, (await response.json())["code"]) == (404, "unknown_request")
    async with door.http.get(f"{PATH}/r1") as response:
        assert response.status == 422


async def test_only_so_many_wait_at_the_same_time(door: Door) -> None:
    def silent(_: Any) -> Iterable[Any]:
        return ()

    door.kafka.script = silent
    waiting = [
        asyncio.create_task(door.http.post(PATH, json=WISH | {"request_id": f"w{n}"}))
        for n in range(3)
    ]
    async with asyncio.timeout(5):
        while door.backend.open < 3:
            await asyncio.sleep(0.01)
    async with door.http.post(PATH, json=WISH) as response:
        assert (response.status, (await response.json())["code"]) == (429, "too_many_streams")
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)


@pytest.mark.skipif(
    resource.getrlimit(resource.RLIMIT_NOFILE)[0] < 2_500, reason="needs 2,500 open files"
)
async def test_a_thousand_streams_end_well_and_one_more_is_told_to_come_back(door: Door) -> None:
    door.backend.settings = replace(door.backend.settings, gateway_streams=1_000)
    door.kafka.script = lambda _: ()
    url = str(door.http.make_url(PATH))
    connector = aiohttp.TCPConnector(limit=0)
    async with asyncio.timeout(120), aiohttp.ClientSession(connector=connector) as http:

        async def streamed(number: int) -> str:
            wish = WISH | {"request_id": f"s{number}"}
            async with http.post(url, json=wish, headers=STREAM) as response:
                return await response.text()

        streams = [asyncio.create_task(streamed(number)) for number in range(1_000)]
        while len(door.kafka.events) < 1_000:
            await asyncio.sleep(0.01)
        async with http.post(url, json=WISH, headers=STREAM) as response:
            assert response.status == 429 and response.headers["Retry-After"]
        for number, asked in enumerate(list(door.kafka.events)):
            door.backend.journal.notice(*record_of(answer(asked), number))
        texts = await asyncio.gather(*streams)
    assert sum("event: recommendation" in text for text in texts) == 1_000
    assert door.backend.open == 0 and not door.backend.journal._watches
