"""Reactions: one or many, stored or learned or refused."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.feedback import Feedback
from tests.streams.gateway.conftest import Door

PATH = "/v1/feedback"
LIKE = {"user_id": "ada", "kind": "like", "request_id": "r1", "candidate_id": "r1/0"}


async def test_one_and_many_are_stored(door: Door) -> None:
    async with door.http.post(PATH, json=LIKE | {"feedback_id": "f1"}) as response:
        assert await response.json() == {"feedback_id": "f1", "state": "stored"}
    async with door.http.post(PATH, json=[LIKE, LIKE]) as response:
        assert [each["state"] for each in await response.json()] == ["stored", "stored"]
    assert len(door.kafka.events) == 3


async def test_one_that_is_wrong_is_named_and_none_is_sent(door: Door) -> None:
    async with door.http.post(PATH, json=[LIKE, {**LIKE, "kind": "adore"}]) as response:
        assert response.status == 422
        assert "Number 1 of the list" in (await response.json())["detail"]
    async with door.http.post(PATH, json=[LIKE] * 501) as response:
        assert response.status == 413
    assert door.kafka.events == []


async def test_with_wait_it_is_told_what_became_of_it(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    handled = True

    async def until(places: Any, within: float) -> bool:
        return handled

    async def refusal(feedback: Feedback) -> str | None:
        return "unknown_request" if feedback.feedback_id == "bad" else None

    monkeypatch.setattr("streams.gateway.learned.Learned.until", lambda _, *given: until(*given))
    monkeypatch.setattr("streams.gateway.learned.Learned.refusal", lambda _, each: refusal(each))
    both = [LIKE | {"feedback_id": name} for name in ("good", "bad")]
    async with door.http.post(f"{PATH}?wait", json=both) as response:
        assert await response.json() == [
            {"feedback_id": "good", "state": "learned"},
            {"feedback_id": "bad", "state": "refused", "code": "unknown_request"},
        ]
    handled = False
    async with door.http.post(f"{PATH}?wait", json=both[0]) as response:
        assert (await response.json())["state"] == "stored"
