"""`genre safety check`: requests and texts by arguments and by JSON lines."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from agents.commands import safety
from genre_models.encoder import SentenceEncoder
from genre_models.safety import score
from schemas.errors import ModelError


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
    lines = b'{"text": "a"}\n{"txt": "a"}\n{"text": "\xff"}\n{"text": "%s"}\n{"text": "b"}\n'
    run, given = CliRunner(), lines % (b"a" * 40_000)
    done = run.invoke(safety.cli, ["check", "--json"], input=given)
    told = [json.loads(line) for line in done.stdout.splitlines()]
    codes = [each.get("error", {}).get("code") for each in told]
    assert codes == [None, "no_text", "not_utf8", "too_large", None] and done.exit_code == 0
    shown = run.invoke(safety.cli, ["check"], input=given).stdout.splitlines()
    assert shown[1].startswith("error    no_text: ") and shown[4].startswith("allow ")


def test_second_opinions_are_made_in_the_models_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tuned: list[Path] = []
    monkeypatch.setattr(score, "tune", lambda models, *_: tuned.append(models))
    environment = {"GENRE_MODELS": str(tmp_path)}
    done = CliRunner().invoke(safety.cli, ["tune"], env=environment)
    assert (done.exit_code, tuned) == (0, [tmp_path])
    assert done.stdout == "second opinions: ready\n"


def test_what_cannot_be_kept_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(score, "tune", refused)
    done = CliRunner().invoke(safety.cli, ["tune"], env={"GENRE_MODELS": str(tmp_path)})
    assert isinstance(done.exception, ModelError) and done.exception.code == "not_kept"
    assert f"expected to keep second opinions in {tmp_path}" in done.exception.message
