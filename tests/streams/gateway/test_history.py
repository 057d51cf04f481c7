"""What a user was shown and said, from the log: nothing of before an erase, nothing made up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from schemas.feedback import Feedback
from schemas.preferences import PreferenceProfile
from schemas.requests import GenerationRequest
from schemas.users import UserCommand
from streams.gateway import history
from streams.wire.codecs import encode
from streams.wire.source import Source
from streams.wire.topics import BY_EVENT
from tests.streams.gateway.conftest import Door, answer, record_of

PATH = "/v1/users/ada/history"


def asked(name: str) -> Any:
    return answer(GenerationRequest(user_id="ada", prompt="a joke", request_id=name))


def said(name: str, kind: Any = "like", **fields: Any) -> Feedback:
    return Feedback(user_id="ada", request_id=name, candidate_id=f"{name}/0", kind=kind, **fields)


def record(event: Any, at: float) -> Source:
    empty = record_of(asked("none"))[1]
    return replace(empty, value=encode(event), timestamp=at)


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[Source]]:
    """The log of Ada by topic, oldest first."""
    records: dict[str, list[Source]] = {}

    async def backwards(_settings: Any, topic: str, key: str) -> AsyncIterator[Source]:
        for each in reversed(records.get(topic, [])):
            await asyncio.sleep(0)
            yield each

    async def last(
        _settings: Any, topic: str, key: str, meant: Callable[[Source], bool]
    ) -> Source | None:
        return next(filter(meant, reversed(records.get(topic, []))), None)

    async def newest(_settings: Any, _kind: Any, key: str) -> PreferenceProfile | None:
        now = datetime(2026, 1, 1, tzinfo=UTC)
        return (
            PreferenceProfile(user_id="ada", reactions=1, row=b"r", time=now) if records else None
        )

    for made in (backwards, last, newest):
        monkeypatch.setattr(history, made.__name__, made)
    return records


def write(log: dict[str, list[Source]], *events: Any) -> None:
    """Write events, one a second."""
    for at, event in enumerate(events, 1):
        log.setdefault(BY_EVENT[type(event)].name, []).append(record(event, float(at)))


async def told(door: Door, query: str = "") -> Any:
    async with door.http.get(PATH + query) as response:
        assert response.status == 200
        return await response.json()


def names(document: Any) -> list[str]:
    return [each["request_id"] for each in document["answers"]]


async def test_of_a_stranger_nothing_is_known(door: Door, log: dict[str, list[Source]]) -> None:
    assert await told(door) == {"user": None, "answers": [], "complete": True}


async def test_answers_come_newest_first_with_what_was_said_of_them(
    door: Door, log: dict[str, list[Source]]
) -> None:
    write(log, asked("r1"), said("r1"), asked("r2"), said("r1", "copy"), said("other"))
    document = await told(door)
    assert document["user"] == {"user_id": "ada", "row": 1}
    assert names(document) == ["r2", "r1"]
    assert [each["kind"] for each in document["answers"][1]["reactions"]] == ["like", "copy"]
    assert document["answers"][0]["reactions"] == [] and document["answers"][0]["time"] == 3.0


async def test_only_answers_with_texts_are_shown_each_once(
    door: Door, log: dict[str, list[Source]]
) -> None:
    failed = replace(asked("r2"), status="expired", candidates=())
    write(log, asked("r1"), asked("r1"), failed)
    assert names(await told(door)) == ["r1"]


async def test_nothing_of_before_an_erase_is_shown(
    door: Door, log: dict[str, list[Source]]
) -> None:
    erase = UserCommand(user_id="ada", kind="erase")
    consent = UserCommand(user_id="ada", kind="consent", allowed=True)
    write(log, asked("r1"), said("r1"), erase, asked("r2"), consent)
    assert names(await told(door)) == ["r2"]


async def test_as_many_as_are_asked_for(door: Door, log: dict[str, list[Source]]) -> None:
    write(log, asked("r1"), asked("r2"), asked("r3"), said("r3"))
    assert names(await told(door, "?answers=2")) == ["r3", "r2"]
    assert await told(door, "?answers=0") == {
        "user": {"user_id": "ada", "row": 1},
        "answers": [],
        "complete": True,
    }
    for wrong in ("-1", "51", "many", "1e3", ""):
        async with door.http.get(f"{PATH}?answers={wrong}") as response:
            assert (response.status, (await response.json())["code"]) == (422, "bad_parameter")


async def test_what_cannot_be_read_is_passed_over(door: Door, log: dict[str, list[Source]]) -> None:
    write(log, asked("r1"), said("r1"))
    for topic in ("recommendations", "feedback", "users"):
        log.setdefault(topic, []).append(replace(record(asked("r2"), 9.0), value=b"garbage"))
    assert names(await told(door)) == ["r1"]


async def test_a_log_that_is_too_long_is_told(
    door: Door, log: dict[str, list[Source]], monkeypatch: pytest.MonkeyPatch
) -> None:
    write(log, asked("r1"))
    monkeypatch.setattr(history, "_LOOKING", 0.0)
    assert (await told(door))["complete"] is False
