"""What was passed on to other roles is taken back, and nothing newer along with it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from agents.recommend.learn import learn
from agents.recommend.plan import plan
from agents.recommend.rank import rank
from agents.recommend.rights import rights
from schemas.corrections import Correction
from schemas.feedback import Feedback
from schemas.training import TrainingEvent
from schemas.users import UserCommand
from streams.worker.delivery import Delivery, Tombstone
from tests.agents.deliveries import NOW, delivered, events, stream
from tests.agents.recommend.conftest import TEXTS, Desk, classified, reaction, written

NO_SONNET = Tombstone(topic="corrections", key="ada/sonnet")


async def shown(desk: Desk, *requests: str) -> None:
    """Requests of ada's, each with an embedding of its own, are answered."""
    for number, request in enumerate(requests):
        asked = delivered(classified(request, embedding=bytes([number + 1]) * 384), number)
        await events(plan(stream([asked]), desk.planner))
        await events(rank(stream([delivered(written(request), number)]), desk.ranker))


def corrected(
    request: str, offset: int, genre: str = "sonnet", time: datetime | None = None
) -> Delivery[Feedback]:
    return reaction("genre_correction", offset=offset, request_id=request, genre=genre,
                    feedback_id=f"f{offset}", time=time)  # fmt: skip


def retracted(request: str, what: int, offset: int) -> Delivery[Feedback]:
    return reaction("retract", offset=offset, request_id=request, retracts=f"f{what}")


async def told(desk: Desk, *reactions: Delivery[Feedback]) -> list[object]:
    learner = replace(desk.learner, trains_from=lambda tenant: True)
    return await events(learn(stream(reactions), learner))


def vectors(passed: list[object]) -> list[int | Tombstone]:
    """The first number of each correction's embedding."""
    return [each.embedding[0] if isinstance(each, Correction) else each for each in passed]  # type: ignore[misc]


async def test_a_correction_that_is_taken_back_leaves_a_tombstone_however_often(
    desk: Desk,
) -> None:
    await shown(desk, "r1")
    said, back = corrected("r1", 1), retracted("r1", 1, 2)
    assert vectors(await told(desk, said)) == [1]
    assert await told(desk, back) == [NO_SONNET]
    assert await told(desk, said, back) == [NO_SONNET]  # both delivered again
    assert await told(desk, replace(corrected("r1", 1), source=retracted("r1", 1, 3).source)) == []


async def test_a_newer_correction_stays_and_an_older_one_comes_back(desk: Desk) -> None:
    await shown(desk, "r1", "r2")
    assert vectors(await told(desk, corrected("r1", 1), corrected("r2", 2))) == [1, 2]
    assert vectors(await told(desk, retracted("r1", 1, 3))) == [2]
    anew = corrected("r1", 4, time=datetime.fromtimestamp(NOW, UTC) + timedelta(seconds=1))
    assert vectors(await told(desk, anew)) == [1]
    assert vectors(await told(desk, retracted("r1", 4, 5))) == [2]
    assert await told(desk, retracted("r2", 2, 6)) == [NO_SONNET]


async def test_a_request_has_one_genre_and_its_former_one_comes_back(desk: Desk) -> None:
    await shown(desk, "r1")
    later = datetime.fromtimestamp(NOW, UTC) + timedelta(seconds=1)
    await told(desk, corrected("r1", 1))
    gone, riddle = await told(desk, corrected("r1", 2, "riddle", later))
    assert gone == NO_SONNET
    assert isinstance(riddle, Correction) and riddle.genre == "riddle"
    sonnet, gone = await told(desk, retracted("r1", 2, 3))
    assert gone == Tombstone(topic="corrections", key="ada/riddle")
    assert isinstance(sonnet, Correction) and sonnet.genre == "sonnet"


async def test_a_text_that_is_taken_back_is_no_longer_trained_on(desk: Desk) -> None:
    await shown(desk, "r1")
    accept = reaction("accept", offset=1, feedback_id="f1")
    edit = reaction("edit", text="By hand.", offset=2, feedback_id="f2")
    assert len(await told(desk, accept, edit)) == 2
    for _ in range(2):  # the second time, the records are delivered again
        gone = await told(desk, retracted("r1", 1, 3), retracted("r1", 2, 4))
        texts = [each for each in gone if isinstance(each, TrainingEvent)]
        assert [(each.kind, each.user_id, each.document) for each in texts] == [
            ("retract", "ada", "r1")
        ] * 2
        assert [each.digest for each in texts] == [
            sha256(text.encode()).hexdigest() for text in (TEXTS[0], "By hand.")
        ]
    assert await told(desk, accept, reaction("accept", offset=5, feedback_id="f1")) == []


async def test_a_text_that_was_accepted_twice_stays_until_both_are_taken_back(desk: Desk) -> None:
    await shown(desk, "r1")
    twice = [reaction("accept", offset=k, feedback_id=f"f{k}") for k in (1, 2)]
    assert len(await told(desk, *twice)) == 2
    assert await told(desk, retracted("r1", 1, 3)) == []
    (gone,) = await told(desk, retracted("r1", 2, 4))
    assert isinstance(gone, TrainingEvent) and gone.kind == "retract"


async def test_it_is_taken_back_beyond_the_newest_signals_and_without_consent(desk: Desk) -> None:
    await shown(desk, "r1")
    await told(desk, corrected("r1", 1))
    others = [reaction("click", k % 4, offset=k, feedback_id=f"f{k}") for k in range(2, 70)]
    rated = [reaction("rating", k % 4, offset=100 + k, value=1 + k % 5) for k in range(70)]
    await told(desk, *others, *rated)
    refusal = delivered(UserCommand(user_id="ada", kind="consent", allowed=False))
    await events(rights(stream([refusal]), desk.ledger, desk.registry))
    back = retracted("r1", 1, 300)
    assert await told(desk, back) == [NO_SONNET] and back.failure is None
