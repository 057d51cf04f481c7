"""Texts to train on, in JSON and in files, and the progress of a training."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from schemas.progress import Progress
from streams.clients.client import Client
from streams.clients.embedded_broker import EmbeddedBroker
from streams.gateway import training
from tests.streams.gateway.conftest import Door

PATH = "/v1/training"


async def test_texts_and_pairs_are_sent_before_the_order(door: Door) -> None:
    wish = {
        "genre": "haiku",
        "description": "A haiku.",
        "texts": ["one"],
        "pairs": [{"request": "of rain", "text": "two"}],
    }
    async with door.http.post(PATH, json=wish) as response:
        told = await response.json()
        assert response.status == 202 and response.headers["Location"] == told["progress"]
    assert told["texts"] == 2
    first, second, order = door.kafka.events
    assert {(each.kind, each.text, each.request) for each in (first, second)} == {
        ("text", "one", None),
        ("text", "two", "of rain"),
    }
    assert (order.kind, order.job, order.description) == ("train", told["job"], "A haiku.")


async def test_a_file_is_read_by_its_ending_alone(door: Door) -> None:
    form = aiohttp.FormData({"genre": "haiku", "epochs": "2"})
    form.add_field("file", b"one\ntwo\n", filename="../../etc/passwd.txt")
    async with door.http.post(PATH, data=form) as response:
        assert response.status == 202 and (await response.json())["texts"] == 2
    assert door.kafka.events[-1].epochs == 2
    form = aiohttp.FormData({"genre": "haiku"})
    form.add_field("file", b"MZ", filename="haiku.exe")
    async with door.http.post(PATH, data=form) as response:
        assert (response.status, (await response.json())["code"]) == (415, "wrong_type_of_file")


@pytest.mark.parametrize(
    "wish",
    [
        {"texts": ["x"]},
        {"genre": "A B", "texts": ["x"]},
        {"genre": "haiku", "texts": [4]},
        {"genre": "haiku", "texts": ["fine", ""]},
        {"genre": "haiku", "epochs": 99},
    ],
)
async def test_what_would_be_refused_is_not_sent(door: Door, wish: dict[str, Any]) -> None:
    async with door.http.post(PATH, json=wish) as response:
        assert response.status == 422
    assert door.kafka.events == []


async def test_a_part_that_is_too_large_is_refused(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "_UPLOAD", 10)
    form = aiohttp.FormData({"genre": "haiku"})
    form.add_field("file", b"a" * 100, filename="haiku.txt")
    async with door.http.post(PATH, data=form) as response:
        assert response.status == 413
    assert door.kafka.events == []


async def test_progress_is_told_of_the_callers_own_job(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def steps(
        _settings: Any, genre: str, job: str, tenant: str | None, *, follow: bool
    ) -> Any:
        assert (genre, tenant) == ("haiku", None)
        for step in range(3) if job == "j1" else ():
            yield step, _step(job, step)

    monkeypatch.setattr(training, "_steps", steps)
    async with door.http.get(f"{PATH}/haiku/j1") as response:
        assert (await response.json())["step"] == 2
    headers = {"Accept": "text/event-stream", "Last-Event-ID": "0"}
    async with door.http.get(f"{PATH}/haiku/j1", headers=headers) as response:
        lines = (await response.text()).splitlines()
    data = [json.loads(line[6:]) for line in lines if line.startswith("data: ")]
    assert [each["step"] for each in data] == [1, 2]
    async with door.http.get(f"{PATH}/haiku/other") as response:
        assert response.status == 404


async def test_steps_end_with_the_job(broker: EmbeddedBroker) -> None:
    async with Client(broker.settings) as client:
        for event in (_step("j1", 0), _step("j2", 1), _step("j1", 2, "published"), _step("j1", 3)):
            await client.publish(event)
    steps: AsyncIterator[tuple[int, Progress]] = training._steps(
        broker.settings, "haiku", "j1", None, follow=True
    )
    assert [event.step async for _, event in steps] == [0, 2]


def _step(job: str, step: int, state: Any = "training") -> Progress:
    return Progress(kind="training", genre="haiku", step=step, steps=9, job=job, state=state)
