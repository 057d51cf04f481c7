"""What every request passes: keys, origins, ids, errors that never end the connection untold."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from streams.gateway.routes import ROUTES
from tests.streams.gateway.conftest import Door, key

WISH = {"user_id": "ada", "prompt": "a joke", "request_id": "r1"}
PATH = "/v1/recommendations"


@pytest.fixture
def headers(keys_file: Path) -> dict[str, str]:
    """Of a key that may read alone; asked for before the door is."""
    return key(keys_file, "web", 'tenant = "acme"\nusers = ["ada"]\nscopes = ["read", "ask"]')


async def test_no_path_but_the_open_ones_without_a_key(headers: dict[str, str], door: Door) -> None:
    for route in ROUTES:
        path = route.path.replace("{", "").replace("}", "")
        async with door.http.request(route.method, path) as response:
            assert response.status == 401, path
            document = await response.json()
            assert ("error" in document) == route.is_openai
    async with door.http.get("/metrics") as response:
        assert response.status == 401
    for path in ("/health", "/openapi.json"):
        async with door.http.get(path) as response:
            assert response.status != 401


async def test_a_key_is_kept_to_its_scopes_tenant_and_users(
    headers: dict[str, str], door: Door
) -> None:
    async with door.http.post(PATH, json=WISH, headers=headers) as response:
        assert response.status == 200 and (await response.json())["tenant"] == "acme"
    for refused in ({"tenant": "other"}, {"user_id": "eve"}):
        async with door.http.post(PATH, json=WISH | refused, headers=headers) as response:
            assert response.status == 403
    async with door.http.delete("/v1/users/ada", headers=headers) as response:
        assert (response.status, (await response.json())["code"]) == (403, "out_of_scope")
    assert len(door.kafka.events) == 1


async def test_a_page_elsewhere_is_refused(door: Door) -> None:
    for headers in (
        {"Origin": "https://elsewhere.example"},
        {"Host": "elsewhere.example"},
        {"Origin": "null"},
    ):
        async with door.http.post(PATH, json=WISH, headers=headers) as response:
            assert response.status == 403, headers
            assert "Access-Control-Allow-Origin" not in response.headers
    own = {"Origin": str(door.http.make_url("/")).rstrip("/")}
    async with door.http.post(PATH, json=WISH, headers=own) as response:
        assert response.status == 200


async def test_every_answer_has_an_id_and_a_strict_policy(door: Door) -> None:
    async with door.http.get("/v1/genres", headers={"X-Request-Id": "mine-1"}) as response:
        assert response.headers["X-Request-Id"] == "mine-1"
        assert "default-src 'none'" in response.headers["Content-Security-Policy"]
        assert response.headers["Cache-Control"] == "no-store"
    async with door.http.get("/v1/genres", headers={"X-Request-Id": "a b;<c>"}) as response:
        assert len(response.headers["X-Request-Id"]) == 32


async def test_what_does_not_exist_is_told(door: Door) -> None:
    async with door.http.get("/nowhere/../etc/passwd") as response:
        assert (response.status, (await response.json())["code"]) == (404, "no_such_path")
    async with door.http.put("/v1/feedback") as response:
        assert (response.status, response.headers["Allow"]) == (405, "POST")
    async with door.http.get("/page/../server.py") as response:
        assert response.status == 404


@pytest.mark.parametrize(
    ("body", "content", "status"),
    [
        (b"", "application/json", 400),
        (b"{", "application/json", 400),
        (b"\xff", "application/json", 400),
        (b"[]", "application/json", 422),
        (b"[" * 5000, "application/json", 400),
        (b'{"user_id": "ada", "prompt": 4}', "application/json", 422),
        (b'{"user_id": "a/b", "prompt": "x"}', "application/json", 422),
        (b'{"user_id": "ada", "prompt": "x", "candidates": 99}', "application/json", 422),
        (json.dumps(WISH).encode(), "text/plain", 415),
        (json.dumps(WISH).encode(), "application/x-www-form-urlencoded", 415),
        (b'{"user_id": "ada", "prompt": "' + b"a" * 2**15 + b'."}', "application/json", 422),
    ],
)
async def test_a_wrong_body_is_refused(door: Door, body: bytes, content: str, status: int) -> None:
    async with door.http.post(PATH, data=body, headers={"Content-Type": content}) as response:
        assert response.status == status
        assert (await response.json())["detail"]
    assert door.kafka.events == []


async def test_a_body_that_is_too_large_or_too_slow_is_refused(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def large() -> AsyncIterator[bytes]:
        for _ in range(5):
            yield b"a" * 2**20

    async def slow() -> AsyncIterator[bytes]:
        yield b'{"user_id": '
        await asyncio.sleep(5)

    monkeypatch.setattr("streams.gateway.bodies._WITHIN", 0.1)
    headers = {"Content-Type": "application/json"}
    async with door.http.post(PATH, data=slow(), headers=headers) as response:
        assert (response.status, (await response.json())["code"]) == (408, "too_slow")
    monkeypatch.setattr("streams.gateway.bodies._WITHIN", 5.0)
    with suppress(aiohttp.ClientError):  # cut while it still sends
        async with door.http.post(PATH, data=large(), headers=headers) as response:
            assert (response.status, (await response.json())["code"]) == (413, "too_large")
    assert door.kafka.events == []


async def test_a_defect_is_told_without_what_it_says(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> Any:
        raise ValueError("my secret")

    monkeypatch.setattr(door.backend.catalogue, "genres", fail)
    async with door.http.get("/v1/genres") as response:
        assert response.status == 500 and "secret" not in await response.text()


async def test_log_and_metrics_count_and_name_no_user(
    door: Door, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "streams.gateway.gate")
    async with door.http.delete("/v1/users/secret-name") as response:
        assert response.status == 202
    assert "DELETE /v1/users/{user_id} 202" in caplog.text and "secret-name" not in caplog.text
    async with door.http.get("/metrics") as response:
        text = await response.text()
    assert 'method="DELETE",path="/v1/users/{user_id}",status="202"} 1.0' in text
    assert "secret-name" not in text
