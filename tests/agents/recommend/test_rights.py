"""What users decide about their own data is obeyed, once, and leaves nothing behind."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from agents.classify.corrections import Corrections
from agents.recommend.learn import learn
from agents.recommend.ledger import decision_key
from agents.recommend.plan import plan
from agents.recommend.rank import rank
from agents.recommend.rights import rights
from genre_models.preferences.signals import digest
from schemas.candidates import CandidateSet
from schemas.corrections import Correction
from schemas.feedback import Feedback
from schemas.generations import GenerationTask
from schemas.recommendations import Recommendation
from schemas.training import TrainingEvent
from schemas.users import UserCommand
from streams.wire.topics import BY_EVENT
from streams.worker.delivery import Tombstone
from tests.agents.deliveries import NOW, delivered, events, stream
from tests.agents.genres.test_registry import HAIKU
from tests.agents.recommend.conftest import (
    TEXTS,
    Desk,
    Disk,
    classified,
    learned,
    reaction,
    shown,
    written,
)


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


ERASE = UserCommand(user_id="ada", kind="erase")
TEXT = TEXTS[0].encode()


async def erased(desk: Desk, offset: int = 0) -> list[object]:
    return await events(rights(stream([delivered(ERASE, offset)]), desk.ledger, desk.registry))


@pytest.mark.parametrize("kill_at", [1, 2, 3, 4])
async def test_a_kill_at_any_step_leaves_no_text_behind_once_the_erase_is_delivered_again(
    kill_at: int,
) -> None:
    disk = Disk()
    await shown(disk.desk())
    disk.settle()
    assert disk.holds(TEXT) == ["decisions", "decisions-changelog"]
    disk.flushes, disk.kill_at = 0, kill_at
    # The last kills come when the headstone is saved and only one of the changelogs has it.
    with suppress(asyncio.CancelledError):
        await erased(disk.desk())
    if kill_at == 3:
        disk.users.flush()
    disk.users.kill()
    disk.decisions.kill()
    await erased(disk.desk())
    disk.settle()
    assert disk.holds(TEXT) == []
    assert decision_key("ada", digest("r1")) not in disk.decisions.changelog


async def test_a_decision_that_gave_way_to_a_newer_one_leaves_the_changelog_despite_a_kill() -> (
    None
):
    disk = Disk()
    for number in range(32):
        desk, at = disk.desk(), number
        await events(plan(stream([delivered(classified(f"r{number}"), at)]), desk.planner))
        await events(rank(stream([delivered(written(f"r{number}"), at)]), desk.ranker))
    disk.settle()
    place = decision_key("ada", digest("r0"))
    assert place in disk.decisions.changelog
    disk.flushes, disk.kill_at = 0, 1
    newer = delivered(classified("r32"), 32)
    with pytest.raises(asyncio.CancelledError):
        await events(plan(stream([newer]), disk.desk().planner))
    disk.decisions.kill()
    assert place not in disk.decisions and place in disk.decisions.changelog
    disk.kill_at = 0
    await events(plan(stream([newer]), disk.desk().planner))
    disk.settle()
    assert place not in disk.decisions.changelog


async def test_a_corrupt_row_and_the_decisions_that_it_named_are_erased_too() -> None:
    disk = Disk()
    await shown(disk.desk())
    disk.users[b"ada"] = b"garbage about ada"
    disk.settle()
    await learned(disk.desk(), reaction(offset=1))
    disk.settle()
    assert set(disk.holds(b"garbage about ada")) == {"users", "users-changelog"}
    await erased(disk.desk())
    disk.settle()
    assert disk.holds(b"garbage about ada") == disk.holds(TEXT) == []


async def test_a_request_that_was_under_way_when_its_user_was_erased_leaves_nothing(
    desk: Desk,
) -> None:
    now = datetime.now(UTC)
    erase = replace(
        delivered(ERASE), source=replace(delivered(ERASE).source, timestamp=now.timestamp())
    )
    await events(rights(stream([erase]), desk.ledger, desk.registry))
    late = delivered(classified("r1", received=now - timedelta(seconds=5)))
    (failed,) = await events(plan(stream([late]), desk.planner))
    assert isinstance(failed, CandidateSet)
    assert failed.failure is not None and failed.failure.code == "erased"
    (answer,) = await events(rank(stream([delivered(failed)]), desk.ranker))
    assert isinstance(answer, Recommendation) and answer.code == "erased"
    decision = desk.ledger.decision("ada", "r1")
    assert decision is not None and (decision.embedding, decision.genres) == (None, ())
    later = delivered(classified("r2", received=now + timedelta(seconds=2)), 1)
    (task,) = await events(plan(stream([later]), desk.planner))
    assert isinstance(task, GenerationTask)


async def test_an_erasure_by_a_clock_that_was_years_ahead_refuses_no_request(desk: Desk) -> None:
    now = datetime.now(UTC)
    ahead = delivered(ERASE, time=now.timestamp() + 1e8)
    await events(rights(stream([ahead]), desk.ledger, desk.registry))
    later = delivered(classified("r1", received=now + timedelta(seconds=2)))
    (task,) = await events(plan(stream([later]), desk.planner))
    assert isinstance(task, GenerationTask)


async def test_no_profile_follows_the_tombstone_of_an_erased_user(desk: Desk) -> None:
    await shown(desk)
    await learned(desk, reaction())
    consent = delivered(UserCommand(user_id="ada", kind="consent", allowed=True), 0)
    erase = delivered(ERASE, 1)
    for _ in range(2):  # both are delivered again after a kill
        await events(rights(stream([consent, erase]), desk.ledger, desk.registry))
        assert "ada" not in desk.ledger.due
    await learned(desk, reaction(offset=1))  # a reaction to what she was shown before
    assert "ada" not in desk.ledger.due


async def test_an_erase_that_is_delivered_again_has_the_profile_told_again(desk: Desk) -> None:
    await erased(desk)
    past = Feedback(user_id="ada", kind="history", genre="joke", value=1.0, feedback_id="h")
    await learned(desk, delivered(past, 1, time=NOW + 60))
    desk.ledger.due.clear()
    await erased(desk)
    assert "ada" in desk.ledger.due


async def test_an_erase_has_the_files_of_the_tables_scrubbed(desk: Desk) -> None:
    scrubbed: list[None] = []
    desk.ledger.scrub = lambda: scrubbed.append(None)
    await erased(desk)
    assert scrubbed == [None]


async def test_a_correction_that_is_delivered_again_after_an_erase_is_no_dead_letter(
    desk: Desk,
) -> None:
    await shown(desk)
    await learned(desk, reaction("genre_correction", genre="sonnet"))
    await erased(desk)
    again = reaction("genre_correction", genre="sonnet")
    assert await events(learn(stream([again]), desk.learner)) == []
    assert again.failure is None
    assert not desk.ledger.decisions


async def test_a_text_to_train_on_has_the_time_of_its_reaction(desk: Desk) -> None:
    desk.learner = replace(desk.learner, trains_from=lambda tenant: True)
    await shown(desk)
    earlier, later = (datetime.fromtimestamp(NOW + second, UTC) for second in (-60, 60))
    for offset, time in enumerate((earlier, later, None)):
        (text,) = await events(
            learn(stream([reaction("accept", offset=offset, time=time)]), desk.learner)
        )
        assert isinstance(text, TrainingEvent)
        assert text.time == min(time or later, datetime.fromtimestamp(NOW, UTC))
