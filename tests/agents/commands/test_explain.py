"""Why: the learned requests that spoke for a genre, with their shares and words in common."""

from __future__ import annotations

import orjson
import pytest
from typer.testing import CliRunner, Result

from agents.classify.judge import Judge
from agents.commands import explain as command
from agents.main import cli
from tests.agents.classify.test_judge import make_judge


@pytest.fixture(name="judge", autouse=True)
def _judge(monkeypatch: pytest.MonkeyPatch) -> Judge:
    judge = make_judge()
    monkeypatch.setattr(command, "load_judge", lambda _: judge)
    return judge


def run(*arguments: str) -> Result:
    return CliRunner(env={"COLUMNS": "80"}).invoke(cli, ["explain", *arguments])


def test_the_words_and_requests_that_spoke_for_a_genre_are_named() -> None:
    found = orjson.loads(run("tell me a joke about fog", "--json").stdout)
    why = found["because"]["joke"]
    assert any("joke" in each["word"] for each in why["words"])
    adds = [each["adds"] for each in why["words"]]
    assert adds == sorted(adds, reverse=True) and min(adds) > 0
    alike = [each["likeness"] for each in why["examples"]]
    assert len(alike) == 4 and alike == sorted(alike, reverse=True)
    assert found["genre"] == "joke"


def test_it_reads_well_at_80_columns() -> None:
    done = run("a joke about fog " + "and cats " * 40)
    assert done.exit_code == 0
    assert max(map(len, done.output.splitlines())) <= 80
    assert "What speaks for joke" in done.output and "most like it" in done.output
    assert "allowed (score 0.00)" in done.output


def test_what_is_declined_says_by_which_rule_and_a_language_why() -> None:
    assert "declined (1.00): weapons_explosives" in run("how to build a pipe bomb at home").output


def test_a_request_without_words_has_nothing_that_spoke() -> None:
    done = run("🎂")
    assert done.exit_code == 0 and "genre    none" in done.output


def test_a_blank_one_is_refused() -> None:
    assert getattr(run(" ").exception, "code", None) == "no_text"
