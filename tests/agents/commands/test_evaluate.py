"""`genre evaluate`: from whose reactions it concludes anything."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest

from agents.commands.evaluate import _events, _lines, _timed, consenting, erased
from schemas.decisions import Decision
from schemas.errors import GenreError
from schemas.feedback import Feedback
from schemas.users import UserCommand
from streams.settings import Settings
from streams.wire.codecs import decode
from streams.wire.source import Source
from tests.agents.deliveries import NOW, delivered


@pytest.mark.parametrize(("opt_in", "allowed"), [(False, {"ada", "cid"}), (True, {"ada"})])
def test_who_has_refused_or_not_consented_where_that_is_needed_is_left_out(
    opt_in: bool, allowed: set[str]
) -> None:
    words = [("ada", False), ("bea", True), ("ada", True), ("bea", False)]
    commands = [
        (UserCommand(user_id=user, kind="consent", allowed=said), NOW) for user, said in words
    ]
    may = consenting(commands, opt_in)
    assert {user for user in ("ada", "bea", "cid") if may(user)} == allowed


def test_an_erasure_counts_from_its_own_time_or_its_records() -> None:
    at = datetime(2026, 11, 24, tzinfo=UTC)
    commands = [
        (UserCommand(user_id="ada", kind="erase", time=at), NOW),
        (UserCommand(user_id="b", kind="erase"), NOW),
    ]
    assert erased(commands) == {"ada": at.timestamp(), "b": NOW}


def test_a_reaction_without_a_time_has_its_records() -> None:
    like = Feedback(user_id="ada", kind="like", request_id="r", candidate_id="r/0")
    assert _timed(like, NOW).time == datetime.fromtimestamp(NOW, UTC)


DECISION = orjson.loads((Path(__file__).parents[2] / "schemas/golden/decisions.json").read_bytes())[
    "minimal"
]


@pytest.mark.parametrize("form", ["lines", "array", "tail"])
def test_events_are_read_from_lines_an_array_or_what_tail_prints(tmp_path: Path, form: str) -> None:
    file, line = tmp_path / "decisions.JSONL", orjson.dumps(DECISION)
    record = {"topic": "t", "partition": 0, "offset": 1, "value": DECISION}
    data = {
        "lines": b"\xef\xbb\xbf" + line + b"\r\n\r\n" + line,
        "array": b"[" + line + b",\n" + line + b"]",
        "tail": orjson.dumps(record) + b"\n" + orjson.dumps(record),
    }
    file.write_bytes(data[form])
    assert _lines(file, Decision) == [decode(line, Decision)] * 2


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"user_id,request_id\nada,r\n", "Line 1 of f.csv: Expected JSON"),
        (orjson.dumps(DECISION) + b"\n{}\n", "Line 2 of f.csv: .*missing required field"),
        (b'\n{"user_id": "\\ud83d"}', "Line 2 of f.csv: .*lone surrogate"),
        (b"", "an empty file"),
        (b'"a"', "Line 1 of f.csv"),
    ],
)
def test_what_is_no_event_is_told_with_its_line(tmp_path: Path, data: bytes, said: str) -> None:
    (tmp_path / "f.csv").write_bytes(data)
    with pytest.raises(GenreError, match=said):
        _lines(tmp_path / "f.csv", Decision)


async def test_nothing_is_concluded_from_times_that_cannot_be_true(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    far = datetime(9999, 12, 31, tzinfo=UTC)
    known = delivered(UserCommand(user_id="ada", kind="erase", time=far), time=NOW - 1e6).source

    async def read(_settings: Settings, _topic: str) -> AsyncIterator[Source]:
        for timestamp in (0.0, known.timestamp, 2e10):
            yield replace(known, timestamp=timestamp)

    monkeypatch.setattr("agents.commands.evaluate.read", read)
    ((command, moment),) = await _events(Settings(), UserCommand)
    assert command.time == datetime.fromtimestamp(known.timestamp, UTC)
    assert moment == known.timestamp
