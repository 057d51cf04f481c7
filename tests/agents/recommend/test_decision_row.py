"""The row of a decision comes back as it was stored, or says that it cannot."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from agents.recommend.decision_row import DecisionRow, is_open
from schemas.errors import ModelError
from schemas.generations import ArmTask
from schemas.parts import Failure, ReplyTo
from schemas.recommendations import Recommendation
from tests.agents.recommend.conftest import GENRES

OPEN = DecisionRow(
    request_id="r1",
    user_id="ada",
    tenant="acme",
    deadline=datetime(2026, 11, 24, tzinfo=UTC),
    genres=GENRES,
    context={"channel": "mail"},
    embedding=bytes(range(8)),
    reply=ReplyTo(topic="replies.team"),
    seed=7,
    arms=(ArmTask(index=0, genre="joke", family="humour", seed=1),),
    lines=("Keep it short.",),
)
ANSWERED = replace(OPEN, answer=Recommendation(request_id="r1", user_id="ada", status="error"))


@pytest.mark.parametrize("row", [OPEN, ANSWERED])
def test_a_row_comes_back_whole_and_shows_its_state_packed(row: DecisionRow) -> None:
    packed = row.pack()
    assert DecisionRow.unpack(packed) == row
    assert is_open(packed) == row.is_open == (row is OPEN)


@pytest.mark.parametrize("packed", [b"", b"O", OPEN.pack()[:-1], b"O" + b"\x80", b"A{}"])
def test_bytes_that_are_no_row_are_refused(packed: bytes) -> None:
    with pytest.raises(ModelError) as refused:
        DecisionRow.unpack(packed)
    assert refused.value.code == "decision_corrupt"


def test_of_an_emptied_row_nothing_is_left_but_whom_to_answer_and_what() -> None:
    failure = Failure(code="erased", message="The user was erased meanwhile.")
    emptied = OPEN.emptied(failure)
    assert emptied.is_open and emptied.failure == failure
    assert emptied == DecisionRow(
        request_id="r1",
        user_id="ada",
        tenant="acme",
        deadline=OPEN.deadline,
        reply=OPEN.reply,
        seed=0,
        failure=failure,
    )
