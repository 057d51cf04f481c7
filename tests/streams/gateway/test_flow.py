"""The flow in one answer and as a stream, which outlives a broker that is away."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from aiokafka.errors import KafkaConnectionError

from streams.clients.standing import Standing
from streams.gateway import flow, traffic
from tests.streams.gateway.conftest import Door, key
from tests.streams.gateway.test_traffic import at

PATH = "/v1/flow"


@pytest.fixture(autouse=True)
def looks(monkeypatch: pytest.MonkeyPatch) -> list[Standing | Exception]:
    """What Kafka says, look by look; the last for ever."""
    coming: list[Standing | Exception] = [at()]

    async def standing(*_: Any) -> Standing:
        found = coming.pop(0) if len(coming) > 1 else coming[0]
        if isinstance(found, Exception):
            raise found
        return found

    monkeypatch.setattr(traffic, "standing", standing)
    monkeypatch.setattr(traffic, "_PAUSE", 0.0)
    monkeypatch.setattr(flow, "EVERY", 0.01)
    return coming


async def test_one_look(door: Door) -> None:
    async with door.http.get(PATH) as response:
        told = await response.json()
    assert {each["topic"] for each in told["topics"]} >= {"requests", "adapters"}
    assert {each["role"] for each in told["roles"]} >= {"classify", "train"}
    assert told["alarms"] == [] and told["open"] == 0


async def test_a_stream_says_that_kafka_is_away_and_goes_on(
    door: Door, looks: list[Standing | Exception]
) -> None:
    looks[:] = [at(), KafkaConnectionError("nobody"), TimeoutError(), at()]
    events: list[str] = []
    async with door.http.get(PATH, headers={"Accept": "text/event-stream"}) as response:
        async with asyncio.timeout(10):
            while len(events) < 4:
                line = (await response.content.readline()).decode().strip()
                if line.startswith("event: "):
                    events.append(line[7:])
    assert events == ["flow", "error", "error", "flow"]


async def test_without_a_stream_it_is_503(door: Door, looks: list[Standing | Exception]) -> None:
    looks[:] = [KafkaConnectionError("nobody")]
    async with door.http.get(PATH) as response:
        assert (response.status, response.headers["Retry-After"]) == (503, "5")
        assert json.loads(await response.text())["code"] == "no_broker"


@pytest.fixture
def headers(keys_file: Path) -> list[dict[str, str]]:
    """Of keys that may not see everything, and of one that may."""
    limits = (
        'scopes = ["read"]',
        'scopes = ["operate"]\ntenant = "acme"',
        'scopes = ["operate"]\nusers = ["ada"]',
        'scopes = ["operate"]',
    )
    return [key(keys_file, f"web{number}", each) for number, each in enumerate(limits)]


async def test_it_is_for_who_operates_everything(headers: list[dict[str, str]], door: Door) -> None:
    statuses = []
    for each in headers:
        async with door.http.get(PATH, headers=each) as response:
            statuses.append(response.status)
    assert statuses == [403, 403, 403, 200]
