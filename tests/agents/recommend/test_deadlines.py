from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from agents.recommend.deadlines import Deadlines
from agents.recommend.ledger import Ledger
from agents.recommend.plan import plan
from agents.recommend.rank import rank
from schemas.recommendations import Recommendation
from tests.agents.deliveries import delivered, events, stream
from tests.agents.recommend.conftest import Desk, classified


async def opened(desk: Desk, **changes: Any) -> None:
    await events(plan(stream([delivered(classified(**changes))]), desk.planner))


async def test_the_overdue_are_told_once_and_again_after_ten_seconds(desk: Desk) -> None:
    await opened(desk)
    deadlines = Deadlines(ledger=desk.ledger, owns=lambda key: True)
    late = datetime.now(UTC) + timedelta(hours=1, seconds=2)
    assert deadlines.due(datetime.now(UTC)) == []
    (told,) = deadlines.due(late)
    assert told.failure is not None
    assert told.failure.code == "expired"
    assert deadlines.due(late + timedelta(seconds=1)) == []
    assert len(deadlines.due(late + timedelta(seconds=11))) == 1


async def test_requests_of_other_partitions_are_left_to_their_owner(desk: Desk) -> None:
    await opened(desk)
    assert (
        Deadlines(ledger=desk.ledger, owns=lambda key: False).due(
            datetime.now(UTC) + timedelta(days=1)
        )
        == []
    )


async def test_rank_answers_the_expired_set_and_the_clock_stops(desk: Desk) -> None:
    await opened(desk)
    deadlines = Deadlines(ledger=desk.ledger, owns=lambda key: True)
    (told,) = deadlines.due(datetime.now(UTC) + timedelta(hours=2))
    (answer,) = await events(rank(stream([delivered(told)]), desk.ranker))
    assert isinstance(answer, Recommendation)
    assert answer.status == "expired"
    assert deadlines.due(datetime.now(UTC) + timedelta(hours=3)) == []


@pytest.mark.parametrize("deadline", ["9999-12-31T23:59:59.999999Z", "2099-01-01T00:00:00Z",
                                      "0001-01-01T00:00:00Z"])  # fmt: skip
async def test_a_deadline_that_no_request_has_is_over(desk: Desk, deadline: str) -> None:
    await opened(desk, deadline=datetime.now(UTC) + timedelta(minutes=1))
    (place,) = desk.ledger.waiting
    row = desk.ledger.stored(place)
    assert row is not None
    desk.ledger.store("ada", replace(row, deadline=datetime.fromisoformat(deadline)))
    deadlines = Deadlines(ledger=desk.ledger, owns=lambda key: True)
    (told,) = deadlines.due(datetime.now(UTC))
    assert told.failure is not None and told.failure.code == "expired"


async def test_one_bad_decision_costs_no_other_its_answer(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    for user in ("ada", "bob", "cid"):
        await opened(desk, user=user)
    stored = Ledger.stored

    def failing(ledger: Ledger, place: bytes) -> Any:
        if place.startswith(b"bob"):
            raise OverflowError("the secret words of a user")
        return stored(ledger, place)

    monkeypatch.setattr(Ledger, "stored", failing)
    deadlines = Deadlines(ledger=desk.ledger, owns=lambda key: True)
    told = deadlines.due(datetime.now(UTC) + timedelta(hours=2))
    assert [each.user_id for each in told] == ["ada", "cid"]
    assert desk.ledger.counts["deadline_failed"] == 1
