"""The limits of every field that a client writes, and the code that each breach gets."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from schemas.errors import InvalidEvent
from schemas.feedback import Feedback
from schemas.keys import user_key
from schemas.requests import GenerationRequest
from schemas.training import TrainingEvent
from schemas.users import UserCommand
from streams.wire.codecs import decode

REQUEST: dict[str, Any] = {"user_id": "ada", "prompt": "a joke"}
REACTION: dict[str, Any] = {
    "user_id": "ada",
    "kind": "like",
    "request_id": "r",
    "candidate_id": "r/0",
}

HOSTILE_IDS = {
    "empty": "",
    "blank": " \u00a0 ",
    "dot": ".",
    "two dots": "..",
    "path": "../../etc/passwd",
    "slash": "a/b",
    "newline": "a\nb",
    "trailing newline": "ada\n",
    "dots and newline": "..\n",
    "nul": "a\x00",
    "escape": "\x1b[31mred",
    "c1 control": "a\x85b",
    "delete": "a\x7f",
    "zero width": "a\u200bda",
    "right to left": "a\u202eda",
    "byte order mark": "\ufeffada",
    "line separator": "a\u2028b",
    "257 characters": "i" * 257,
    "10 kB": "i" * 10_000,
}
GOOD_IDS = [
    "ada",
    "...",
    ".hidden",
    "a b",
    "ada@example.org",
    "Ünï-çødé",
    "用户",
    "😀",
    "a" * 256,
    "{}",
    "%2e%2e",
    "-1",
]


def code_of(document: dict[str, Any], kind: type[Any]) -> str:
    """The code that refuses a document, or `accepted`."""
    try:
        decode(orjson.dumps(document), kind)
    except InvalidEvent as error:
        return error.code
    return "accepted"


@pytest.mark.parametrize("name", ["user_id", "request_id"])
@pytest.mark.parametrize("value", HOSTILE_IDS.values(), ids=HOSTILE_IDS)
def test_a_hostile_id_is_refused(name: str, value: str) -> None:
    assert code_of(REQUEST | {name: value}, GenerationRequest) in (
        "bad_format",
        "too_long",
        "too_short",
    )


@pytest.mark.parametrize("name", ["feedback_id", "retracts", "request_id", "user_id"])
@pytest.mark.parametrize("value", HOSTILE_IDS.values(), ids=HOSTILE_IDS)
def test_a_hostile_id_in_feedback_is_refused(name: str, value: str) -> None:
    assert code_of(REACTION | {name: value}, Feedback) in ("bad_format", "too_long", "too_short")


@pytest.mark.parametrize("value", HOSTILE_IDS.values(), ids=HOSTILE_IDS)
def test_a_candidate_of_a_hostile_id_is_refused(value: str) -> None:
    document = REACTION | {"request_id": value, "candidate_id": f"{value}/0"}
    assert code_of(document, Feedback) in ("bad_format", "too_long", "too_short")


@pytest.mark.parametrize("value", GOOD_IDS)
def test_an_unusual_id_is_accepted(value: str) -> None:
    assert (
        code_of(REQUEST | {"user_id": value, "request_id": value}, GenerationRequest) == "accepted"
    )
    assert (
        code_of(REACTION | {"request_id": value, "candidate_id": f"{value}/7"}, Feedback)
        == "accepted"
    )


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("tenant", "acme-2", "accepted"),
        ("tenant", "Acme", "bad_format"),
        ("tenant", "a/b", "bad_format"),
        ("tenant", "", "bad_format"),
        ("tenant", "acme\n", "bad_format"),
        ("tenant", "t" * 64, "bad_format"),
        ("genre", "joke", "accepted"),
        ("genre", "joke@0123456789ab", "accepted"),
        ("genre", "joke@0123456789AB", "bad_format"),
        ("genre", "joke@0123", "bad_format"),
        ("genre", "_joke", "bad_format"),
        ("genre", "../joke", "bad_format"),
        ("genre", "joke\n", "bad_format"),
        ("genre", "g" * 65, "bad_format"),
        ("candidates", 1, "accepted"),
        ("candidates", 8, "accepted"),
        ("candidates", 0, "out_of_range"),
        ("candidates", 9, "out_of_range"),
        ("candidates", 1000, "out_of_range"),
        ("candidates", -1, "out_of_range"),
        ("candidates", "4", "wrong_type"),
        ("candidates", 4.5, "wrong_type"),
        ("candidates", 4.0, "accepted"),
        ("candidates", True, "wrong_type"),
        ("candidates", None, "accepted"),
        ("candidates", [4], "wrong_type"),
        ("max_tokens", 0, "out_of_range"),
        ("max_tokens", 513, "out_of_range"),
        ("max_tokens", 512, "accepted"),
        ("temperature", 0, "accepted"),
        ("temperature", 2, "accepted"),
        ("temperature", 2.1, "out_of_range"),
        ("temperature", -0.1, "out_of_range"),
        ("temperature", True, "wrong_type"),
        ("top_p", 0, "out_of_range"),
        ("top_p", 1, "accepted"),
        ("top_p", 1.01, "out_of_range"),
        ("seed", 0, "accepted"),
        ("seed", 2**63 - 1, "accepted"),
        ("seed", 2**63, "out_of_range"),
        ("seed", -1, "out_of_range"),
        ("language", "en", "accepted"),
        ("language", "pt-BR", "accepted"),
        ("language", "English", "bad_format"),
        ("style", "playful", "accepted"),
        ("style", "Playful!", "bad_format"),
        ("stream", 1, "wrong_type"),
        ("stream", "true", "wrong_type"),
        ("context", {"channel": "mail"}, "accepted"),
        ("context", {"channel": {"nested": "map"}}, "wrong_type"),
        ("context", {"channel": "m" * 257}, "too_long"),
        ("context", {"k" * 65: "v"}, "too_long"),
        ("context", {str(number): "v" for number in range(33)}, "too_long"),
        ("deadline", "2026-03-04T05:06:07+01:00", "accepted"),
        ("deadline", "2001-01-01T00:00:00Z", "accepted"),
        ("deadline", "0001-01-01T00:00:00+14:00", "accepted"),
        ("deadline", "2026-03-04T05:06:07", "bad_time"),
        ("deadline", "2026-03-04", "bad_time"),
        ("deadline", "tomorrow", "bad_time"),
        ("deadline", 1_772_600_000, "wrong_type"),
        ("prompt", "", "too_short"),
        ("prompt", 5, "wrong_type"),
        ("prompt", None, "missing_field"),
        ("prompt", "p" * 32_768, "accepted"),
        ("prompt", "p" * 32_769, "too_long"),
        ("prompt", "é" * 16_384, "accepted"),
        ("prompt", "é" * 16_385, "too_long"),
        ("prompt", "p" * 2_000_000, "too_long"),
        ("prompt", "<|im_start|>system", "accepted"),
        ("user_id", 5, "wrong_type"),
        ("user_id", None, "missing_field"),
    ],
)
def test_limits_of_a_request(field: str, value: Any, code: str) -> None:
    assert code_of(REQUEST | {field: value}, GenerationRequest) == code


@pytest.mark.parametrize("name", ["user_id", "prompt"])
def test_a_request_needs_its_user_and_prompt(name: str) -> None:
    assert (
        code_of({key: value for key, value in REQUEST.items() if key != name}, GenerationRequest)
        == "missing_field"
    )


NEEDS: dict[str, dict[str, Any]] = {
    "rating": {"candidate_id": "r/0", "value": 5},
    "like": {"candidate_id": "r/0"},
    "dislike": {"candidate_id": "r/0"},
    "click": {"candidate_id": "r/0"},
    "dwell": {"candidate_id": "r/0", "value": 12.5},
    "accept": {"candidate_id": "r/0"},
    "copy": {"candidate_id": "r/0"},
    "edit": {"candidate_id": "r/0", "text": "better"},
    "regenerate": {},
    "choose": {"candidate_id": "r/0"},
    "shown": {},
    "genre_correction": {"genre": "riddle"},
    "retract": {"retracts": "f"},
}


@pytest.mark.parametrize("kind", NEEDS)
def test_each_kind_of_feedback_needs_its_own_fields(kind: str) -> None:
    complete = {"user_id": "ada", "kind": kind, "request_id": "r"} | NEEDS[kind]
    assert code_of(complete, Feedback) == "accepted"
    for name in ("user_id", "kind", "request_id", *NEEDS[kind]):
        less = {key: value for key, value in complete.items() if key != name}
        assert code_of(less, Feedback) == "missing_field", name
        if name not in ("user_id", "kind"):
            assert code_of(complete | {name: None}, Feedback) == "missing_field", name


def test_history_needs_something_to_learn_from_and_no_request() -> None:
    history = {"user_id": "ada", "kind": "history", "value": 1}
    assert code_of(history, Feedback) == "missing_field"
    for content in ({"text": "a text"}, {"genre": "joke"}, {"features": {"length": 0.5}}):
        assert code_of(history | content, Feedback) == "accepted"
    assert (
        code_of({"user_id": "ada", "kind": "history", "genre": "joke"}, Feedback) == "missing_field"
    )
    assert code_of(history | {"genre": "joke", "value": 1.5}, Feedback) == "out_of_range"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"kind": "rating", "value": 7}, "out_of_range"),
        ({"kind": "rating", "value": 0}, "out_of_range"),
        ({"kind": "rating", "value": 2.5}, "out_of_range"),
        ({"kind": "rating", "value": "5"}, "wrong_type"),
        ({"kind": "rating", "value": True}, "wrong_type"),
        ({"kind": "dwell", "value": -1}, "out_of_range"),
        ({"kind": "dwell", "value": 86_401}, "out_of_range"),
        ({"kind": "dwell", "value": 0}, "accepted"),
        ({"kind": "love"}, "unknown_value"),
        ({"kind": 1}, "wrong_type"),
        ({"kind": "edit", "text": "t" * 65_537}, "too_long"),
        ({"kind": "edit", "text": ""}, "accepted"),
        ({"candidate_id": "another/0"}, "out_of_range"),
        ({"candidate_id": "r/8"}, "bad_format"),
        ({"candidate_id": "r"}, "bad_format"),
        ({"candidate_id": "r/0\n"}, "bad_format"),
        ({"candidate_id": "r//0"}, "bad_format"),
        ({"candidate_id": "../0", "request_id": ".."}, "bad_format"),
        ({"probability": 1.5}, "out_of_range"),
        ({"time": "yesterday"}, "bad_time"),
        ({"features": {"length": "long"}}, "wrong_type"),
        ({"genre": "../x"}, "bad_format"),
    ],
)
def test_limits_of_feedback(changes: dict[str, Any], code: str) -> None:
    assert code_of(REACTION | changes, Feedback) == code


def test_limits_of_commands_and_trainings() -> None:
    assert code_of({"user_id": "ada", "kind": "erase"}, UserCommand) == "accepted"
    assert code_of({"user_id": "ada", "kind": "consent"}, UserCommand) == "missing_field"
    assert (
        code_of({"user_id": "ada", "kind": "explore", "allowed": "yes"}, UserCommand)
        == "wrong_type"
    )
    assert code_of({"kind": "text", "genre": "haiku"}, TrainingEvent) == "missing_field"
    assert (
        code_of({"kind": "text", "genre": "../haiku", "text": "t"}, TrainingEvent) == "bad_format"
    )
    assert code_of({"kind": "train", "genre": "haiku"}, TrainingEvent) == "accepted"


def test_keys_of_two_tenants_never_meet() -> None:
    assert user_key("ada", None) != user_key("ada", "acme")
    # A user id holds no '/', so no user of the default tenant has the key of another tenant's user.
    assert (
        code_of(REQUEST | {"user_id": user_key("ada", "acme")}, GenerationRequest) == "bad_format"
    )
