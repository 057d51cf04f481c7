"""`genre classifier report`: what it reads of the topics, and how it looks."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import orjson
import pytest
from typer.testing import CliRunner

from agents.main import cli
from schemas.classified import ClassifiedRequest
from schemas.corrections import Correction
from schemas.feedback import Feedback
from schemas.parts import GenreProbability
from schemas.requests import GenerationRequest
from schemas.users import UserCommand
from streams.settings import Settings
from streams.wire.source import Source
from tests.agents.deliveries import NOW, delivered

AT = datetime.fromtimestamp(NOW - 3600, UTC)
LONG = "a" * 64


def request(number: int, user: str = "ada") -> ClassifiedRequest:
    return ClassifiedRequest(
        request_id=f"r{number}",
        user_id=user,
        request=GenerationRequest(user_id=user, prompt="my secret words"),
        received=AT + timedelta(seconds=number),
        deadline=AT + timedelta(days=1),
        genres=(GenreProbability(genre=LONG if number % 2 else "joke", probability=0.8),),
        language="en",
        embedding=bytes([127]) + bytes(383),
    )


def like(user: str) -> Feedback:
    return Feedback(user_id=user, kind="like", request_id="r0", candidate_id="r0/0")


def correction(key: str) -> Correction:
    return Correction(user_id=key, genre=LONG, instead_of="joke", embedding=bytes(384), time=AT)


@pytest.fixture
def topics(monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests of ada, of bea who does not consent, and of cid who was erased."""
    standing = {
        "genre.classified": [
            *(delivered(request(number)).source for number in range(50)),
            delivered(request(0, "bea")).source,
            delivered(request(0, "cid")).source,
            replace(delivered(request(60)).source, value=b"{"),
        ],
        "genre.feedback": [delivered(like(user)).source for user in ("ada", "bea", "cid")],
        "genre.users": [
            delivered(UserCommand(user_id="bea", kind="consent", allowed=False)).source,
            delivered(UserCommand(user_id="cid", kind="erase")).source,
        ],
    }

    async def read(_: Settings, topic: str) -> AsyncIterator[Source]:
        for each in standing[topic]:
            yield each

    async def take_all(_: Settings, topic: object, take: object) -> None:
        if topic.name == "corrections":  # type: ignore[attr-defined]
            for key in ("ada", "bea"):
                take(f"{key}/{LONG}", correction(key))  # type: ignore[operator]
            take(f"bea/{LONG}", None)  # type: ignore[operator]

    async def reach(_: Settings) -> None:
        """There is a broker."""

    monkeypatch.setattr("time.time", lambda: NOW + 60)
    monkeypatch.setattr("agents.commands.evaluate.read", read)
    monkeypatch.setattr("agents.commands.classifier.take_all", take_all)
    monkeypatch.setattr("agents.commands.classifier.reach", reach)


def told(*options: str) -> str:
    done = CliRunner(env={"COLUMNS": "80"}).invoke(cli, ["classifier", "report", *options])
    assert done.exit_code == 0, done.output
    return done.stdout


@pytest.mark.usefixtures("topics")
def test_what_stands_in_the_topics_is_reported_without_who_was_erased() -> None:
    found = orjson.loads(told("--json"))
    assert (found["requests"], found["users"], found["genres"]["joke"]) == (51, 2, 26)
    assert found["confusion"] == [{"classified": "joke", "corrected": LONG, "count": 1}]
    assert [line["reacted"] for line in found["calibration"]] == [1]
    assert found["drift"]["genres"]["is_drift"] is False
    later = (AT + timedelta(seconds=48)).isoformat()
    assert orjson.loads(told("--json", "--since", later))["requests"] == 2


@pytest.mark.usefixtures("topics")
def test_people_read_it_in_80_columns_and_nobodys_words() -> None:
    shown = told()
    assert max(map(len, shown.splitlines())) <= 80
    assert "secret" not in shown
    for part in ("51 requests of 2 users", "not corrected", "corrected to", "no more than chance"):
        assert part in shown


def test_a_time_that_is_none_is_refused() -> None:
    done = CliRunner().invoke(cli, ["classifier", "report", "--since", "yesterday"])
    assert "Expected --since to be a time" in str(done.exception)
