"""`genre events`: what a shell script sees of it, without any Kafka."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import orjson
import pytest
from typer.testing import CliRunner

from agents.main import cli
from streams.wire.asyncapi import document, schemas

GOOD = b'{"user_id": "ada", "prompt": "a joke"}'
INVALID = b'{"user_id": "ada", "prompt": "a joke", "candidates": 1000}'


def validate(payload: bytes, *options: str, topic: str = "requests") -> tuple[int, list[Any]]:
    result = CliRunner().invoke(
        cli, ["events", "validate", topic, "--json", *options], input=payload
    )
    return result.exit_code, [json.loads(line) for line in result.stdout.splitlines()]


def test_one_verdict_a_line_and_an_exit_code_for_all() -> None:
    status, verdicts = validate(b"\n".join([GOOD, INVALID, b"garbage", b"", GOOD]) + b"\n")
    assert status == 1
    assert [verdict["accepted"] for verdict in verdicts] == [True, False, False, False, True]
    assert verdicts[0] == {"accepted": True}
    assert verdicts[1] == {
        "accepted": False,
        "code": "out_of_range",
        "message": "Expected `int` <= 8 - at `$.candidates`, got 1000",
    }
    assert [verdict.get("code") for verdict in verdicts[2:4]] == ["not_json", "empty"]


def test_good_payloads_end_with_zero() -> None:
    assert validate(GOOD + b"\n" + GOOD) == (0, [{"accepted": True}] * 2)
    assert validate(b"") == (0, [])


def test_the_whole_input_may_be_one_payload() -> None:
    pretty = json.dumps(json.loads(GOOD), indent=2).encode()
    assert validate(pretty, "--single") == (0, [{"accepted": True}])
    status, verdicts = validate(GOOD + b"\n" + GOOD, "--single")
    assert (status, [verdict["code"] for verdict in verdicts]) == (1, ["not_json"])
    assert validate(b"", "--single")[1][0]["code"] == "empty"


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        (b"\xff\xfe", "not_utf8"),
        (b'{"user_id": "ada", "prompt": "p", "temperature": NaN}', "not_finite"),
        (b'{"user_id": "ada", "prompt": "p", "x": ' + b"[" * 5000 + b"]" * 5000 + b"}", "too_deep"),
        (b'{"user_id": "ada", "prompt": "' + b"p" * 2_000_000 + b'"}', "too_long"),
        (b'{"user_id": "' + b"u" * 10_000 + b'", "prompt": "p"}', "too_long"),
        (b'{"user_id": "../../etc", "prompt": "p"}', "bad_format"),
        (b'{"user_id": "a\\u0000", "prompt": "p"}', "bad_format"),
        (b'{"prompt": "p"}', "missing_field"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_bad_input_has_its_code(payload: bytes, code: str) -> None:
    status, (verdict,) = validate(payload)
    assert (status, verdict["accepted"], verdict["code"]) == (1, False, code)


def test_topics_go_by_both_names() -> None:
    reaction = b'{"user_id": "ada", "kind": "like", "request_id": "r", "candidate_id": "r/0"}'
    for topic in ("feedback", "genre.feedback"):
        assert validate(reaction, topic=topic) == (0, [{"accepted": True}])


def test_people_read_a_line_too() -> None:
    result = CliRunner().invoke(
        cli, ["events", "validate", "requests"], input=GOOD + b"\n" + INVALID
    )
    accepted, refused = result.stdout.splitlines()
    assert accepted == "accepted"
    assert refused == "refused (out_of_range): Expected `int` <= 8 - at `$.candidates`, got 1000"


def test_as_a_process_it_needs_no_broker_and_names_the_topics() -> None:
    environment = os.environ | {"GENRE_BROKERS": "127.0.0.1:1"}
    command = [sys.executable, "-m", "agents.main", "events", "validate"]
    good = subprocess.run(
        [*command, "requests", "--json"],
        input=GOOD,
        capture_output=True,
        env=environment,
        timeout=60,
    )
    assert (good.returncode, good.stdout, good.stderr) == (0, b'{"accepted":true}\n', b"")
    unknown = subprocess.run(
        [*command, "nothing"], input=GOOD, capture_output=True, env=environment, timeout=60
    )
    assert unknown.returncode == 2 and unknown.stdout == b""
    assert (
        b"Expected one of the topics requests, " in unknown.stderr
        and unknown.stderr.count(b"\n") == 1
    )


def test_schemas_are_printed() -> None:
    plain = CliRunner().invoke(cli, ["events", "schemas"])
    assert json.loads(plain.stdout) == orjson.loads(orjson.dumps(schemas()))
    contract = CliRunner().invoke(cli, ["events", "schemas", "--asyncapi"])
    assert json.loads(contract.stdout) == orjson.loads(orjson.dumps(document()))
