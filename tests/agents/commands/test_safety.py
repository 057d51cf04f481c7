"""`genre safety check`: requests and texts by arguments and by JSON lines."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from agents.commands import safety
from genre_models.encoder import SentenceEncoder
from schemas.errors import Rejected


@pytest.fixture(autouse=True)
def _rules_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SentenceEncoder, "load", lambda *_, **__: None)
    monkeypatch.setattr(safety, "load_score", lambda *_: None)


def test_arguments_are_judged_and_exit_code_1_says_that_one_is_declined() -> None:
    done = CliRunner().invoke(safety.cli, ["check", "bath bomb ad", "how to build a\nbomb"])
    assert done.exit_code == 1
    first, second = done.stdout.splitlines()
    assert first.startswith("allow") and second.split()[:3] == ["decline", "1.00", "weapons"]


def test_json_lines_are_judged_in_their_order() -> None:
    lines = '{"text": "a poem"}\n\n{"text": "I will kill you."}\n'
    run = CliRunner()
    done = run.invoke(safety.cli, ["check", "--json", "--genre", "email"], input=lines)
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert [each["action"] for each in told] == ["allow", "decline"]
    assert told[1] | {"text": ""} == {
        "text": "", "action": "decline", "category": "harassment", "score": 1.0, "code": "threats",
    }  # fmt: skip
    assert run.invoke(safety.cli, ["check", "--genre", "game_dialogue"], input=lines).exit_code == 0


def test_a_wrong_line_is_named() -> None:
    done = CliRunner().invoke(safety.cli, ["check"], input='{"text": "a"}\n{"txt": "a"}\n')
    assert isinstance(done.exception, Rejected) and "line 2" in str(done.exception)
