"""Dead letters over HTTP: counts, pages, one record as it is, and replays that say what they do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from schemas.errors import NotReady
from streams.clients import letters as dead_letters
from streams.clients.letterbox import Letterbox
from streams.gateway.letters import _shown
from streams.wire.source import Source
from tests.agents.commands.test_dlq import letter
from tests.streams.gateway.conftest import Door, key

PATH = "/v1/dead-letters"
CUT = (("__genre.errors.sha256", b"00"),)
HUGE = replace(letter(7), headers=(*letter(7).headers, *CUT))
LETTERS = [letter(number, "not_json" if number else "too_long") for number in range(7)] + [HUGE]


@pytest.fixture
def box(door: Door, monkeypatch: pytest.MonkeyPatch) -> Letterbox:
    """Eight letters of `requests`, the second of them replayed."""
    letterbox = door.backend.letterbox
    for each in LETTERS:
        letterbox._boxes["requests"].take(each)
    letterbox._boxes["requests"].replayed.add("0@1")

    async def nothing(self: Letterbox, *, afresh: bool = False) -> None:
        return None

    async def one(self: Letterbox, topic: Any, at: str) -> Source | None:
        found = {f"0@{each.offset}": each for each in LETTERS}
        return found.get(at) if topic.name == "requests" else None

    monkeypatch.setattr(Letterbox, "read", nothing)
    monkeypatch.setattr(Letterbox, "one", one)
    return letterbox


async def got(door: Door, path: str, status: int = 200) -> Any:
    """The answer to a GET."""
    async with door.http.get(f"{PATH}{path}") as response:
        assert response.status == status, await response.text()
        return await response.json()


async def test_counts_by_topic_and_code(door: Door, box: Letterbox) -> None:
    assert (await got(door, ""))["letters"] == [
        {"topic": "requests", "code": "not_json", "letters": 7, "replayed": 1},
        {"topic": "requests", "code": "too_long", "letters": 1, "replayed": 0},
    ]


async def test_pages_go_from_the_newest_back(door: Door, box: Letterbox) -> None:
    places, query = [], ""
    while True:
        page = await got(door, f"/requests?code=not_json&limit=3{query}")
        assert (page["total"], page["open"], page["cut"]) == (7, 5, 1)
        places += [each["letter"] for each in page["letters"]]
        if page["next"] is None:
            break
        query = f"&before={page['next']}"
    assert places == [f"0@{number}" for number in (7, 6, 5, 4, 3, 2, 1)]
    page = await got(door, "/genre.requests?since=2026-03-04T05:00:00Z&until=2026-03-04T06:00:00Z")
    (only,) = page["letters"]
    assert (only["letter"], only["origin"], only["message"]) == (
        "0@5",
        "genre.requests[2]@7",
        "Expected JSON.",
    )
    assert (await got(door, "/feedback"))["letters"] == []


async def test_one_letter_is_shown_with_its_bytes(door: Door, box: Letterbox) -> None:
    told = await got(door, "/requests/0@1")
    assert told["replayed"] and told["error"]["code"] == "not_json"
    assert told["key"]["text"] == "ada" and told["value"]["text"] == "{"
    assert told["headers"] == []
    assert (await got(door, "/requests/0@99", 404))["code"] == "unknown_letter"


def test_bytes_are_text_or_hexadecimal_and_their_cut_is_said() -> None:
    assert _shown(None, 9) is None
    assert _shown("aé".encode() * 9, 5) == {"text": "aéa", "bytes": 27, "cut": True}
    assert _shown(b"a\xff" * 3000, 8000) == {
        "hex": (b"a\xff" * 2048).hex(" "),
        "bytes": 6000,
        "cut": True,
    }
    assert _shown(b"<script>", 9) == {"text": "<script>", "bytes": 8, "cut": False}


async def test_headers_that_repeat_stay_all(
    door: Door, box: Letterbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def one(*_: Any) -> Source:
        return replace(LETTERS[1], headers=(("a", b"1"), ("a", b"\x00\xff")))

    monkeypatch.setattr(Letterbox, "one", one)
    headers = (await got(door, "/requests/0@1"))["headers"]
    assert [each["name"] for each in headers] == ["a", "a"]
    assert headers[1]["value"] == {"hex": "00 ff", "bytes": 2, "cut": False}


@pytest.mark.parametrize(
    ("wish", "offsets"),
    [
        ({"letters": ["0@2", "0@99"]}, [2]),
        ({"code": "too_long"}, [0]),
        ({"since": "2026-03-04T05:00:00Z"}, [5, 6]),
        ({"until": "2026-03-04T02:00:00+00:00", "code": "not_json"}, [1]),
        ({"ids": ["nobody"]}, []),
        ({"all": True}, [0, 1, 2, 3, 4, 5, 6]),
    ],
)
async def test_what_is_meant_is_replayed(
    door: Door,
    box: Letterbox,
    monkeypatch: pytest.MonkeyPatch,
    wish: dict[str, Any],
    offsets: list[int],
) -> None:
    replayed: list[int] = []

    async def replay(_settings: Any, topic: Any, meant: Callable[[Source], bool]) -> int:
        assert topic.name == "requests"
        replayed.extend(each.offset for each in LETTERS if meant(each))
        return len(replayed)

    monkeypatch.setattr(dead_letters, "replay", replay)
    async with door.http.post(f"{PATH}/requests/replay", json=wish) as response:
        told = await response.json()
        assert response.status == 200, told
    assert replayed == offsets and told["replayed"] == len(offsets)
    is_cut_meant = wish.get("all") or "since" in wish
    assert told["cut"] == (["0@7"] if is_cut_meant else [])


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("POST", "/requests/replay", {}, 422, "nothing_chosen"),
        ("POST", "/requests/replay", {"letters": []}, 422, "nothing_chosen"),
        ("POST", "/requests/replay", {"letters": ["x"]}, 422, "bad_letter"),
        ("POST", "/requests/replay", {"since": "yesterday"}, 422, "bad_time"),
        ("POST", "/requests/replay", {"all": "yes"}, 422, "wrong_type"),
        ("POST", "/nothing/replay", {"all": True}, 404, "unknown_topic"),
        ("GET", "/..%2Fetc", None, 404, "unknown_topic"),
        ("GET", "/requests?limit=0", None, 422, "bad_parameter"),
        ("GET", "/requests?limit=9999999", None, 422, "bad_parameter"),
        ("GET", "/requests?limit=x", None, 422, "bad_parameter"),
        ("GET", "/requests?since=yesterday", None, 422, "bad_parameter"),
        ("GET", "/requests?before=0@x", None, 422, "bad_letter"),
        ("GET", "/requests/x", None, 422, "bad_letter"),
        ("GET", "/requests/0@" + "9" * 400, None, 422, "bad_letter"),
    ],
)
async def test_what_is_wrong_is_refused(
    door: Door, box: Letterbox, method: str, path: str, body: Any, status: int, code: str
) -> None:
    async with door.http.request(method, f"{PATH}{path}", json=body) as response:
        told = await response.json()
        assert (response.status, told["code"]) == (status, code), told


async def test_a_replay_that_another_takes_over_is_a_conflict(
    door: Door, box: Letterbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def replay(*_: Any) -> int:
        raise NotReady("replay_taken_over", "Another replay has begun.")

    monkeypatch.setattr(dead_letters, "replay", replay)
    async with door.http.post(f"{PATH}/requests/replay", json={"all": True}) as response:
        assert (response.status, (await response.json())["code"]) == (409, "replay_taken_over")


@pytest.fixture
def headers(keys_file: Path) -> dict[str, str]:
    """Of a tenant's own operator; asked for before the door is."""
    return key(keys_file, "web", 'tenant = "acme"\nscopes = ["operate"]')


async def test_a_tenants_key_sees_no_letters(
    headers: dict[str, str], door: Door, box: Letterbox
) -> None:
    for path in ("", "/requests", "/requests/0@1"):
        async with door.http.get(f"{PATH}{path}", headers=headers) as response:
            assert (response.status, (await response.json())["code"]) == (403, "not_of_one_tenant")
    wish = {"all": True}
    async with door.http.post(f"{PATH}/requests/replay", json=wish, headers=headers) as response:
        assert response.status == 403
