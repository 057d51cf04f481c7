"""A reaction is learned when its offset is committed, and refused when there is a letter of it."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.feedback import Feedback
from streams.gateway import learned
from streams.gateway.learned import Learned
from streams.settings import Settings
from streams.wire.headers import ERRORS, event_id
from streams.wire.source import Source
from streams.wire.topics import BY_NAME

LIKE = Feedback(user_id="ada", kind="like", request_id="r1", candidate_id="r1/0", feedback_id="f1")


async def test_it_is_learned_when_it_is_committed(monkeypatch: pytest.MonkeyPatch) -> None:
    ends = iter([0, 3, 4])

    async def committed(_settings: Any, group: str, topic: str) -> dict[tuple[str, int], int]:
        assert (group, topic) == ("genre.recommend", "genre.feedback")
        return {(topic, 1): next(ends)}

    monkeypatch.setattr(learned, "committed", committed)
    monkeypatch.setattr(learned, "_PAUSE", 0.0)
    assert await Learned(Settings()).until([(1, 2), (1, 3)], 5.0)
    assert next(ends, None) is None


async def test_one_that_never_is_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    async def committed(*_: Any) -> dict[tuple[str, int], int]:
        return {}

    monkeypatch.setattr(learned, "committed", committed)
    assert not await Learned(Settings()).until([(0, 0)], 0.01)


async def test_a_letter_with_its_id_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    topic = BY_NAME["feedback"]
    headers = (
        ("ce_id", event_id(topic, topic.identity(LIKE)).encode()),
        (f"{ERRORS}code", b"unknown_request"),
    )
    letter = Source(
        topic="x", partition=0, offset=0, timestamp=0.0, key=b"ada", value=b"", headers=headers
    )

    async def last(_settings: Any, name: str, key: str, meant: Any, *, most: int) -> Any:
        assert (name, key) == ("feedback.dlq", "ada")
        return letter if meant(letter) else None

    monkeypatch.setattr(learned, "last", last)
    assert await Learned(Settings()).refusal(LIKE) == "unknown_request"
    other = Feedback(user_id="ada", kind="regenerate", request_id="r1", feedback_id="f2")
    assert await Learned(Settings()).refusal(other) is None
