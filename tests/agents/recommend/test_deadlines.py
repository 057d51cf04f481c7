from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from agents.recommend.deadlines import Deadlines
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
