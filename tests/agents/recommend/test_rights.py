"""What users decide about their own data is obeyed, once, and leaves nothing behind."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from agents.classify.corrections import Corrections
from agents.recommend.plan import plan
from agents.recommend.rank import rank
from agents.recommend.rights import rights
from schemas.corrections import Correction
from schemas.feedback import Feedback
from schemas.recommendations import Recommendation
from schemas.users import UserCommand
from streams.wire.topics import BY_EVENT
from streams.worker.delivery import Tombstone
from tests.agents.deliveries import NOW, delivered, events, stream
from tests.agents.genres.test_registry import HAIKU
from tests.agents.recommend.conftest import Desk, classified, learned, reaction, shown, written


async def test_who_refused_is_not_learned_from_and_who_erased_is_forgotten(desk: Desk) -> None:
    await shown(desk)
    await learned(desk, reaction())
    commands = [
        delivered(UserCommand(user_id="ada", kind="consent", allowed=False), 0),
        delivered(UserCommand(user_id="ada", kind="erase"), 1),
    ]
    tombstones = await events(rights(stream(commands), desk.ledger, desk.registry))
    assert Tombstone(topic="preferences", key="ada") in tombstones
    row = desk.ledger.user("ada")
    assert not row.sums.any()
    assert row.erased_at > 0
    assert not desk.ledger.decisions
    late = reaction(offset=9)
    assert not (await learned(desk, late)).sums.any()


async def test_an_erase_that_is_delivered_again_takes_nothing_that_was_learned_since(
    desk: Desk,
) -> None:
    erase = delivered(UserCommand(user_id="ada", kind="erase"))
    await events(rights(stream([erase]), desk.ledger, desk.registry))
    past = Feedback(user_id="ada", kind="history", genre="joke", value=1.0, feedback_id="h")
    row = await learned(desk, delivered(past, 1, time=NOW + 60))
    await events(rights(stream([erase]), desk.ledger, desk.registry))
    assert row.reactions == 1 and desk.ledger.user("ada").pack() == row.pack()


async def test_the_corrections_of_an_erased_user_vanish_from_the_classifier_also_for_gone_genres(
    desk: Desk,
) -> None:
    known = Corrections()
    for user in ("ada", "bea"):
        for genre in ("sonnet", HAIKU.genre):
            said = Correction(
                user_id=user, genre=genre, embedding=bytes([1] * 384), time=datetime.now(UTC)
            )
            known.apply(BY_EVENT[Correction].key(said), said)
    desk.registry.apply(HAIKU.name, HAIKU)
    desk.registry.apply(HAIKU.name, replace(HAIKU, kind="withdrawn"))
    erase = delivered(UserCommand(user_id="ada", kind="erase"))
    for output in await events(rights(stream([erase]), desk.ledger, desk.registry)):
        if isinstance(output, Tombstone) and output.topic == "corrections":
            known.apply(output.key, None)
    assert {
        genre: len(found) for genre, found in known.nudges(None, datetime.now(UTC)).items()
    } == {
        "sonnet": 1,
        HAIKU.genre: 1,
    }


async def test_a_request_that_is_open_when_its_user_is_erased_is_still_answered_and_empty(
    desk: Desk,
) -> None:
    await events(plan(stream([delivered(classified("r1"))]), desk.planner))
    erase = delivered(UserCommand(user_id="ada", kind="erase"))
    await events(rights(stream([erase]), desk.ledger, desk.registry))
    (answer,) = await events(rank(stream([delivered(written("r1"))]), desk.ranker))
    assert isinstance(answer, Recommendation)
    assert (answer.status, answer.code, answer.candidates) == ("error", "erased", ())
    decision = desk.ledger.decision("ada", "r1")
    assert decision is not None
    assert (decision.embedding, decision.arms, decision.genres) == (None, (), ())


async def test_who_will_not_be_experimented_with_is_so_until_they_say_otherwise(desk: Desk) -> None:
    for allowed in (False, True):
        command = delivered(UserCommand(user_id="ada", kind="explore", allowed=allowed), allowed)
        assert await events(rights(stream([command]), desk.ledger, desk.registry)) == []
        assert desk.ledger.user("ada").opted_out is not allowed
        assert "ada" in desk.ledger.due
