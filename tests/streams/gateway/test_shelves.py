"""Genres and adapters: one of each, versions, changes by events, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.streams.gateway.conftest import Door, key

NEW, OLD = "joke@0123456789ab", "joke@0000000000aa"


async def got(door: Door, path: str, status: int = 200) -> Any:
    """The answer to a GET."""
    async with door.http.get(path) as response:
        assert response.status == status, await response.text()
        return await response.json()


async def test_a_genre_is_told_with_every_version(door: Door) -> None:
    told = await got(door, "/v1/genres/joke")
    assert told["description"] == "A joke."
    assert [(each["name"], each["kind"]) for each in told["versions"]] == [
        (NEW, "published"),
        (OLD, "withdrawn"),
    ]
    assert (await got(door, "/v1/genres/haiku", 404))["code"] == "unknown_genre"


async def test_an_adapter_is_told_with_its_report_where_there_is_one(door: Door) -> None:
    assert (await got(door, f"/v1/adapters/{NEW}"))["report"] == {"passed": True}
    assert (await got(door, f"/v1/adapters/{OLD}"))["report"] is None
    assert (await got(door, "/v1/adapters/joke@ffffffffffff", 404))["code"] == "unknown_adapter"


async def test_versions_are_compared_by_what_people_said(door: Door) -> None:
    told = await got(door, "/v1/genres/joke/comparison")
    assert told["versions"] == [{"name": NEW, "liked": 0, "disliked": 0}]


@pytest.mark.parametrize(
    ("path", "wish", "events"),
    [
        (f"/v1/adapters/{NEW}/withdraw", {"reason": "dull"}, [(NEW, "withdrawn", "dull")]),
        (f"/v1/adapters/{NEW}/withdraw", {}, [(NEW, "withdrawn", "withdrawn by hand")]),
        (f"/v1/adapters/{OLD}/publish", {}, [(OLD, "published", None)]),
        (
            "/v1/genres/joke/rollback",
            {},
            [(OLD, "published", None), (NEW, "withdrawn", "rolled back")],
        ),
    ],
)
async def test_a_change_is_an_event(
    door: Door, path: str, wish: dict[str, Any], events: list[Any]
) -> None:
    async with door.http.post(path, json=wish) as response:
        told = await response.json()
        assert response.status == 202, told
    assert [(each.name, each.kind, each.reason) for each in door.kafka.events] == events
    assert [each["name"] for each in told["adapters"]] == [name for name, *_ in events]


@pytest.mark.parametrize(
    ("path", "wish", "status", "code"),
    [
        (f"/v1/adapters/{NEW}/withdraw", {"reason": "x" * 2001}, 422, "too_long"),
        (f"/v1/adapters/{NEW}/withdraw", {"reason": 4}, 422, "wrong_type"),
        (f"/v1/adapters/{NEW}/withdraw", {"tenant": "acme"}, 403, "not_yours"),
        ("/v1/adapters/joke/withdraw", {}, 422, "bad_parameter"),
        ("/v1/adapters/..%2F..%2Fjoke/withdraw", {}, 422, "bad_parameter"),
        ("/v1/adapters/joke@ffffffffffff/publish", {}, 404, "unknown_adapter"),
        ("/v1/genres/A B/rollback", {}, 422, "bad_parameter"),
        ("/v1/genres/haiku/rollback", {}, 409, "no_version_before"),
        ("/v1/genres/joke/rollback", {"tenant": "acme"}, 409, "no_version_before"),
    ],
)
async def test_what_is_wrong_changes_nothing(
    door: Door, path: str, wish: dict[str, Any], status: int, code: str
) -> None:
    async with door.http.post(path, json=wish) as response:
        told = await response.json()
        assert (response.status, told["code"]) == (status, code), told
    assert door.kafka.events == []


@pytest.fixture
def headers(keys_file: Path) -> dict[str, str]:
    """Of a tenant's operator; asked for before the door is."""
    return key(keys_file, "web", 'tenant = "acme"\nscopes = ["read", "operate"]')


async def test_a_tenant_changes_its_own_adapters_alone(headers: dict[str, str], door: Door) -> None:
    async with door.http.get(f"/v1/adapters/{NEW}", headers=headers) as response:
        assert response.status == 200
    for path in (f"/v1/adapters/{NEW}/withdraw", f"/v1/adapters/{OLD}/publish"):
        async with door.http.post(path, json={}, headers=headers) as response:
            assert (response.status, (await response.json())["code"]) == (403, "not_yours")
    assert door.kafka.events == []
