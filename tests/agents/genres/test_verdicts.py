"""A reaction that was taken back speaks for no adapter."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from agents.genres import verdicts
from genre_models.adapters.contest import Record
from schemas.feedback import Feedback
from schemas.recommendations import RankedCandidate, Recommendation
from streams.settings import Settings

ADAPTER = "joke@0123456789ab"


def said(kind: str, number: int, **more: object) -> Feedback:
    fields = {"user_id": "ada", "feedback_id": f"f{number}", "request_id": "r", **more}
    return Feedback(kind=kind, **fields)  # type: ignore[arg-type]


async def test_one_verdict_a_text_without_what_was_taken_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shown = tuple(
        RankedCandidate(
            candidate_id=f"r/{index}",
            text="x",
            genre="joke",
            family="humour",
            adapter=ADAPTER,
            score=1.0,
            propensity=0.5,
            finish="stop",
            why="",
        )
        for index in range(2)
    )
    answer = Recommendation(request_id="r", user_id="ada", status="ok", candidates=shown)
    reactions = [
        said("like", 1, candidate_id="r/0"),
        said("dislike", 2, candidate_id="r/1"),
        said("like", 3, candidate_id="r/1"),
        said("retract", 4, retracts="f1"),
        said("retract", 5, retracts="f9"),
    ]

    async def events(_: Settings, kind: type) -> AsyncIterator[object]:
        for each in [answer] if kind is Recommendation else reactions:
            yield each

    monkeypatch.setattr(verdicts, "_events", events)
    assert await verdicts.records(Settings()) == {ADAPTER: Record(liked=1)}
