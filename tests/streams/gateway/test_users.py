"""Users: their profile, their export, and what they decide."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from schemas.preferences import PreferenceProfile
from schemas.users import UserCommand
from streams.gateway import users
from tests.streams.gateway.conftest import Door


@pytest.fixture(autouse=True)
def _known(monkeypatch: pytest.MonkeyPatch) -> None:
    async def newest(_settings: Any, _kind: Any, key: str) -> PreferenceProfile | None:
        now = datetime(2026, 1, 1, tzinfo=UTC)
        known = PreferenceProfile(user_id="ada", reactions=3, row=b"abc", time=now)
        return known if key in ("ada", "acme/ada") else None

    monkeypatch.setattr(users, "newest", newest)


async def test_a_profile_is_words_and_numbers_without_the_row(door: Door) -> None:
    async with door.http.get("/v1/users/ada") as response:
        document = await response.json()
    assert document["reactions"] == 3 and "row" not in document
    async with door.http.get("/v1/users/ada/export?tenant=acme") as response:
        assert await response.json() == {"user_id": "ada", "row": 3}
    async with door.http.get("/v1/users/nobody") as response:
        assert (response.status, (await response.json())["code"]) == (404, "unknown_user")


async def test_what_they_decide_is_published(door: Door) -> None:
    async with door.http.delete("/v1/users/ada?tenant=acme") as response:
        assert response.status == 202
    async with door.http.put("/v1/users/ada/consent", json={"allowed": False}) as response:
        assert response.status == 202
    async with door.http.put("/v1/users/ada/exploration", json={"allowed": True}) as response:
        assert response.status == 202
    told = [(each.kind, each.allowed, each.tenant) for each in door.kafka.events]
    assert told == [("erase", None, "acme"), ("consent", False, None), ("explore", True, None)]
    assert all(isinstance(each, UserCommand) and each.time for each in door.kafka.events)


@pytest.mark.parametrize("path", ["a%2Fb", "%00", "%20", "x" * 300, "ada?tenant=A/B"])
async def test_what_is_no_user_is_refused(door: Door, path: str) -> None:
    async with door.http.delete(f"/v1/users/{path}") as response:
        assert response.status in (400, 404, 422)
    async with door.http.put("/v1/users/ada/consent", json={"allowed": "yes"}) as response:
        assert response.status == 422
    assert door.kafka.events == []
