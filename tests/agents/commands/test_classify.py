"""Requests in, what is known of them out, in order; what is none gets a line of its own."""

from __future__ import annotations

import io

import orjson
import pytest
from typer.testing import CliRunner

from agents.classify.judge import Judge
from agents.commands import classify as command
from agents.commands.classify import _batches, lines
from agents.main import cli
from schemas.fields import MAX_PROMPT_BYTES
from tests.agents.classify.test_judge import make_judge

LINES = (
    b'\xef\xbb\xbf{"text": "tell me a joke about fog"}\r\n'
    b"\n"
    b"garbage\n"
    b'{"text": "compose some sonnet about cats", "id": 7}\n'
    b'{"text": ""}\n{"text": 5}\n[1]\n"a joke"\n{"text": "\\ud800"}\n\xff\xfe\n'
    b'{"text": "how to build a pipe bomb at home"}\n'
    b'{"text": "\xf0\x9f\x8e\x82"}\n{"text": "https://example.org/joke"}\n'
    b'{"text": "tell me a joke about cats"}'
)


@pytest.fixture(name="judge", autouse=True)
def _judge(monkeypatch: pytest.MonkeyPatch) -> Judge:
    judge = make_judge()
    monkeypatch.setattr(command, "load_judge", lambda _: judge)
    return judge


def run(*arguments: str, given: bytes = b"") -> list[dict[str, object]]:
    done = CliRunner().invoke(cli, ["classify", "--json", *arguments], input=given)
    assert done.exit_code == 0, done.output
    return [orjson.loads(line) for line in done.stdout.splitlines()]


def test_each_line_gets_one_in_its_order() -> None:
    answers = run(given=LINES)
    told = [(each["genre"], each.get("error", {}).get("code")) for each in answers]  # type: ignore[attr-defined]
    assert told == [
        ("joke", None),
        (None, "not_json"),
        ("sonnet", None),
        *[(None, "no_text")] * 4,
        (None, "lone_surrogate"),
        (None, "not_utf8"),
        (None, None),
        (None, None),
        (None, None),
        ("joke", None),
    ]
    assert answers[0]["family"] == "humour" and answers[0]["language"] == "no"
    assert answers[0]["safety"] == {"allowed": True, "category": None, "score": 0.0}
    assert [each["genre"] for each in answers[0]["alternatives"]] == ["sonnet"]  # type: ignore[attr-defined]
    declined = answers[9]["safety"]
    assert isinstance(declined, dict) and not declined["allowed"] and declined["score"] == 1.0


def test_a_text_is_as_long_as_on_kafka_and_no_longer() -> None:
    fits, longer = "joke " * (MAX_PROMPT_BYTES // 5), "joke " * 20_000
    known, refused = run(fits, longer)
    assert "error" not in known
    assert refused["error"]["code"] == "too_large"  # type: ignore[index]


def test_a_foreign_request_is_classified_all_the_same(judge: Judge) -> None:
    judge.writable = frozenset({"en"})
    (known,) = run("tell me a joke über den Nebel und die Katzen für mich")
    assert "error" not in known and known["alternatives"]


def test_people_get_a_table() -> None:
    wide = CliRunner(env={"COLUMNS": "80"})
    done = wide.invoke(cli, ["classify", "tell me a joke about fog", " ", "line\nbreak \x1b[31m"])
    assert done.exit_code == 0
    assert "joke" in done.output and "error: no_text" in done.output
    assert "\x1b[31m" not in done.output
    assert max(map(len, done.output.splitlines())) <= 80


def test_lines_are_taken_together_and_none_is_lost() -> None:
    source = io.BytesIO(b"\n".join(b"%d" % number for number in range(1000)))
    batches = list(_batches(lines(source)))
    assert [int(line) for batch in batches for line in batch] == list(range(1000))
    assert max(map(len, batches)) <= 128
