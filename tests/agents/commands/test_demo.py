"""What `make run` shows: five fields, and what one reader's reactions changed."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from rich.console import Console

from agents.commands import demo
from schemas.feedback import Feedback
from schemas.preferences import PreferenceProfile
from schemas.recommendations import Recommendation
from schemas.requests import GenerationRequest
from streams.settings import Settings
from tests.agents.commands.test_answer import answer, candidate


class Stage:
    """A client whose reader gets jokes until they react."""

    reactions: list[Feedback]
    requests: list[GenerationRequest]

    def __init__(self, _settings: Settings) -> None:
        type(self).reactions, type(self).requests = [], []

    async def __aenter__(self) -> Stage:
        return self

    async def __aexit__(self, *_: object) -> None: ...

    async def ask(self, request: GenerationRequest, *, within: float) -> Recommendation:
        assert within > 60
        self.requests.append(request)
        genre = "poetry" if self.reactions else "joke"
        prompt = "a poem about tea" if request.suggest else None
        texts = (
            candidate(r"A \[/red] text. " * 20, genre=genre, family="verse", prompt=prompt),
            candidate("Another\ntext. " * 20, 1, genre=genre, family="humour", prompt=prompt),
        )
        return replace(answer(*texts), user_id=request.user_id, genre="short_story")

    async def rate(self, feedback: Feedback) -> Feedback:
        self.reactions.append(feedback)
        return feedback


async def profile(_settings: Settings, _kind: object, user: str) -> PreferenceProfile | None:
    known = PreferenceProfile(
        user_id=user,
        reactions=len(Stage.reactions),
        summary="likes poetry",
        row=b"",
        time=datetime.now(UTC),
    )
    return known if Stage.reactions else None


async def test_it_shows_five_fields_and_what_reactions_changed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(demo, "Client", Stage)
    monkeypatch.setattr(demo, "newest", profile)
    out = Console(file=io.StringIO(), width=80, highlight=False, markup=False)
    await demo.run(Settings(), out)
    assert isinstance(out.file, io.StringIO)
    lines = out.file.getvalue().splitlines()
    assert max(map(len, lines)) <= 80 and len(lines) < 120
    fields = ["content", "education", "service", "marketing", "games"]
    assert [each.user_id for each in Stage.requests] == [*fields, "ada", "ada", "ada"]
    assert Stage.requests[-1].suggest and lines.count("   asked: a poem about tea") == 1
    assert [(each.user_id, each.kind) for each in Stage.reactions] == [
        ("ada", "like"),
        ("ada", "dislike"),
    ] * 2
    assert lines.count("   understood as: short story") == 5
    start = lines.index("   genres before: 2 joke")
    assert lines[start + 1 : start + 5] == [
        "   genres now: 2 poetry",
        "   believed before: nothing known",
        "   believed now: likes poetry",
        "",
    ]
