"""What `make run` shows: six requests, and what each user's reactions changed."""

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
    """A client whose users like nothing until they react."""

    reactions: list[Feedback]

    def __init__(self, _settings: Settings) -> None:
        type(self).reactions = []

    async def __aenter__(self) -> Stage:
        return self

    async def __aexit__(self, *_: object) -> None: ...

    async def ask(self, request: GenerationRequest, *, within: float) -> Recommendation:
        assert within > 60
        genre = "poetry" if self.reactions else "joke"
        texts = candidate("A text. " * 20, genre=genre), candidate("Another.", 1, genre=genre)
        return replace(answer(*texts), user_id=request.user_id)

    async def rate(self, feedback: Feedback) -> Feedback:
        self.reactions.append(feedback)
        return feedback


async def profile(_settings: Settings, _kind: object, user: str) -> PreferenceProfile | None:
    heard = [each for each in Stage.reactions if each.user_id == user]
    summary = f"believed of {user}"
    return (
        PreferenceProfile(
            user_id=user, reactions=len(heard), summary=summary, row=b"", time=datetime.now(UTC)
        )
        if heard
        else None
    )


async def test_it_shows_what_the_reactions_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    async def learned(_settings: Settings) -> None: ...

    monkeypatch.setattr(demo, "Client", Stage)
    monkeypatch.setattr(demo, "newest", profile)
    monkeypatch.setattr(demo, "_learned", learned)
    out = Console(file=io.StringIO(), width=80, highlight=False, markup=False)
    await demo.run(Settings(), out)
    assert isinstance(out.file, io.StringIO)
    lines = out.file.getvalue().splitlines()
    assert max(map(len, lines)) <= 80 and len(lines) < 100
    assert [each.user_id for each in Stage.reactions] == [
        "ada",
        "ada",
        "ben",
        "ben",
        "cleo",
        "cleo",
    ]
    start = lines.index("ada, who likes humour")
    assert lines[start + 1 : start + 6] == [
        "   genres before: 2 joke",
        "   genres now: 2 poetry",
        "   believed before: nothing known",
        "   believed now: believed of ada",
        "1  poetry",
    ]
