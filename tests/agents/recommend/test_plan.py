from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from agents.failures import OVER_QUOTA
from agents.recommend.plan import chance_of, plan
from agents.recommend.rank import rank
from agents.recommend.rights import rights
from agents.tenants import Tenants
from genre_models.ranker import choose_policy
from genre_models.taxonomy import Taxonomy
from schemas.candidates import CandidateSet
from schemas.classified import ClassifiedRequest
from schemas.generations import GenerationTask
from schemas.parts import Failure, ReplyTo, SamplingParameters, Verdict
from schemas.recommendations import Recommendation
from schemas.requests import GenerationRequest
from schemas.users import UserCommand
from tests.agents.deliveries import delivered, events, outputs, stream
from tests.agents.recommend.conftest import Desk, classified, written
from tests.agents.recommend.conftest import desk as new_desk


async def planned(desk: Desk, *requests: ClassifiedRequest) -> list[object]:
    return await events(
        plan(stream(delivered(each, offset) for offset, each in enumerate(requests)), desk.planner)
    )


async def test_a_request_becomes_one_arm_a_candidate_and_stands_open(desk: Desk) -> None:
    (task,) = await planned(desk, classified())
    assert isinstance(task, GenerationTask)
    assert [arm.index for arm in task.arms] == [0, 1, 2, 3]
    assert {arm.genre for arm in task.arms} <= {"joke", "poetry"}
    assert len({arm.seed for arm in task.arms}) == 4
    assert len(desk.ledger.waiting) == 1


async def test_the_same_request_gets_the_same_arms_on_another_worker(desk: Desk) -> None:
    request = classified()
    assert await planned(desk, request) == await planned(new_desk(), request)


async def test_a_repeat_of_an_open_request_sends_the_stored_arms_again(desk: Desk) -> None:
    request = classified()
    first, second = await planned(desk, request, request)
    assert first == second
    assert len(desk.ledger.decisions) == 1


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"failure": Failure(code="unknown_genre", message="no")}, "unknown_genre"),
        ({"verdict": Verdict(allowed=False, code="weapons", reason="no")}, "declined"),
        ({"deadline": datetime.now(UTC) - timedelta(seconds=1)}, "expired"),
        (
            {"request": GenerationRequest(user_id="ada", prompt="x", genre="joke@0123456789ab")},
            "unknown_adapter",
        ),
        (
            {"request": GenerationRequest(user_id="ada", prompt="x", style="baroque")},
            "unknown_style",
        ),
    ],
)
async def test_what_cannot_be_written_goes_to_rank_with_its_code(
    desk: Desk, changes: dict[str, Any], code: str
) -> None:
    (refused,) = await planned(desk, classified(**changes))
    assert isinstance(refused, CandidateSet)
    assert refused.failure is not None
    assert refused.failure.code == code


async def test_requested_options_reach_the_task(desk: Desk) -> None:
    wanted = GenerationRequest(
        user_id="ada",
        prompt="x",
        candidates=2,
        max_tokens=9,
        temperature=0.0,
        top_p=0.5,
        seed=3,
        language="de",
        genre="sonnet",
    )
    (task,) = await planned(desk, classified(request=wanted))
    assert isinstance(task, GenerationTask)
    assert (len(task.arms), task.max_tokens, task.temperature, task.top_p) == (2, 9, 0.0, 0.5)
    assert {arm.genre for arm in task.arms} == {"sonnet"}
    assert task.lines[0] == "Write in German."


@pytest.mark.parametrize(
    ("told", "lines"),
    [
        ({"language": "fr", "language_confidence": 1.0}, ["Write in French."]),
        ({"language": "fr", "language_confidence": 0.99}, []),
        ({"language": "en", "language_confidence": 1.0}, []),
    ],
)
async def test_a_request_is_written_in_its_own_language_where_that_is_certain(
    desk: Desk, told: dict[str, Any], lines: list[str]
) -> None:
    (task,) = await planned(desk, classified(**told))
    assert isinstance(task, GenerationTask)
    assert [line for line in task.lines if line.startswith("Write in")] == lines


@pytest.mark.parametrize("seed", [None, 0])
async def test_a_task_is_repeatable_where_the_client_chose_its_seed(
    desk: Desk, seed: int | None
) -> None:
    request = replace(classified(), embedding=bytes(384))
    (task,) = await planned(desk, replace(request, request=replace(request.request, seed=seed)))
    assert isinstance(task, GenerationTask)
    assert (task.repeatable, task.embedding) == (seed is not None, bytes(384))


async def test_each_arm_is_as_long_and_as_warm_as_its_genre(desk: Desk) -> None:
    request = classified(
        request=GenerationRequest(
            user_id="ada", prompt="x", max_tokens=80, temperature=0.75, top_p=0.95
        ),
        asked=SamplingParameters(top_p=0.5),
    )
    (task,) = await planned(desk, request)
    assert isinstance(task, GenerationTask)
    genres = Taxonomy.load().genres
    for arm in task.arms:
        assert arm.sampling is not None and arm.genre is not None
        its = genres[arm.genre].sampling
        assert (arm.sampling.max_tokens, arm.sampling.usual_tokens) == (
            its.max_tokens,
            its.usual_tokens,
        )
        assert (arm.sampling.temperature, arm.sampling.top_p) == (its.temperature, 0.5)
        assert arm.sampling.min_p and arm.sampling.repetition_penalty
    # what workers of an earlier release read
    assert (task.max_tokens, task.temperature, task.top_p) == (80, 0.75, 0.95)


async def test_the_numbers_of_an_older_classify_worker_count_as_asked(desk: Desk) -> None:
    wanted = GenerationRequest(user_id="ada", prompt="x", max_tokens=64, temperature=0.8, top_p=0.9)
    (task,) = await planned(desk, classified(request=wanted))
    assert isinstance(task, GenerationTask)
    told = {
        (arm.sampling.max_tokens, arm.sampling.temperature) for arm in task.arms if arm.sampling
    }
    assert told == {(64, 0.8)}


async def test_more_than_32_open_requests_of_one_user_are_refused(desk: Desk) -> None:
    results = await planned(desk, *(classified(f"r{number}") for number in range(33)))
    assert all(isinstance(each, GenerationTask) for each in results[:32])
    last = results[32]
    assert isinstance(last, CandidateSet)
    assert last.failure is not None
    assert last.failure.code == "too_many_open"
    assert len(desk.ledger.waiting) == 32


async def turned_away(
    desk: Desk, requests: list[ClassifiedRequest], offset: int
) -> list[CandidateSet]:
    found = await events(plan(stream(delivered(each, offset) for each in requests), desk.planner))
    return [each for each in found if isinstance(each, CandidateSet)]


async def test_a_refusal_is_the_one_answer_to_its_request_whatever_happens_meanwhile(
    desk: Desk,
) -> None:
    """Delivered again by Kafka, or by a classify worker that had not committed."""
    over = [classified(f"over{number}") for number in range(3)]
    await planned(desk, *(classified(f"r{number}") for number in range(32)))
    refused = await turned_away(desk, over, 40)
    answers = await events(rank(stream(delivered(each) for each in refused), desk.ranker))
    assert {getattr(each, "code", None) for each in answers} == {"too_many_open"}
    for number in range(32):
        await events(rank(stream([delivered(written(f"r{number}"), number)]), desk.ranker))
    (later,) = await events(plan(stream([delivered(classified("later"), 41)]), desk.planner))
    assert isinstance(later, GenerationTask)
    for offset in (40, 50):
        again = await turned_away(desk, over, offset)
        assert again == refused
        assert await events(rank(stream(delivered(each) for each in again), desk.ranker)) == answers


async def test_who_asks_anew_after_a_refusal_is_heard_and_both_get_their_answer(
    desk: Desk,
) -> None:
    over = classified("over")
    await planned(desk, *(classified(f"r{number}") for number in range(32)))
    (refused,) = await turned_away(desk, [over], 50)
    await events(rank(stream([delivered(written("r0"))]), desk.ranker))
    anew = replace(over, received=over.received + timedelta(milliseconds=1))
    (task,) = await events(plan(stream([delivered(anew, 60)]), desk.planner))
    assert isinstance(task, GenerationTask)
    first, second, _ = await events(
        rank(stream([delivered(refused, 1), delivered(written("over"), 2)]), desk.ranker)
    )
    assert isinstance(first, Recommendation) and isinstance(second, Recommendation)
    assert (first.code, second.status) == ("too_many_open", "ok")


async def test_who_is_over_quota_has_one_answer_too_and_takes_no_room(desk: Desk) -> None:
    """Which of two readings of a request is within the quota depends on the classify worker."""
    known = classified()
    over = replace(known, failure=OVER_QUOTA)
    (refused,) = await turned_away(desk, [over], 0)
    assert await turned_away(desk, [over, known], 1) == [refused, refused]
    assert desk.ledger.user("ada").decisions == ()
    (answer,) = await events(rank(stream([delivered(refused)]), desk.ranker))
    assert getattr(answer, "code", None) == "over_quota"
    other = classified("r2")
    first = await planned(desk, other)
    again = delivered(replace(other, failure=OVER_QUOTA), 3)
    assert len(first) == 1 and await events(plan(stream([again]), desk.planner)) == []


async def test_refusals_take_no_room_and_an_erased_users_are_forgotten(desk: Desk) -> None:
    await planned(desk, *(classified(f"r{number}") for number in range(600)))
    row = desk.ledger.user("ada")
    assert len(desk.ledger.waiting) == len(row.decisions) == 32
    assert len(desk.ledger.refused("ada")) == 512
    await desk.ledger.recount([0])
    assert len(desk.ledger.waiting) == 32
    erase = delivered(UserCommand(user_id="ada", kind="erase"))
    await events(rights(stream([erase]), desk.ledger, desk.registry))
    assert desk.ledger.refused("ada") == ()


async def test_the_clients_seed_is_of_the_texts_and_leaves_the_arms_to_chance() -> None:
    request = classified()
    tasks = []
    for seed, offset in ((1, 0), (2, 0), (1, 5)):
        asked = delivered(seeded(request, seed), offset)
        tasks += await events(plan(stream([asked]), new_desk().planner))
    arms = [task.arms for task in tasks if isinstance(task, GenerationTask)]
    first, second, third = ([arm.seed for arm in each] for each in arms)
    assert first == third != second
    one, other, elsewhere = ([replace(arm, seed=0) for arm in each] for each in arms)
    assert one == other != elsewhere


@pytest.mark.parametrize("seed", [None, 0, 1, 7, 42, 123, 1234])
def test_every_seed_of_a_client_reaches_the_evaluated_share(desk: Desk, seed: int | None) -> None:
    """It is drawn with each record: the same request has many policies, and none by its id."""
    request = seeded(classified(), seed)
    policies = Counter(
        choose_policy(True, np.random.default_rng(chance_of(delivered(request, k), desk.ledger)))
        for k in range(2000)
    )
    assert 0.07 < policies["igw"] / 2000 < 0.13
    other = delivered(replace(request, request_id="chosen"), 5)
    assert chance_of(other, desk.ledger) == chance_of(delivered(request, 5), desk.ledger)
    elsewhere = replace(desk.ledger, incarnation=8)
    assert chance_of(other, elsewhere) != chance_of(other, desk.ledger)


def seeded(request: ClassifiedRequest, seed: int | None) -> ClassifiedRequest:
    return replace(request, request=replace(request.request, seed=seed))


async def test_a_defect_in_planning_is_an_error_for_its_client(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agents.recommend.plan.plan_arms", lambda *_, **__: 1 / 0)
    (refused,) = await planned(desk, classified())
    assert isinstance(refused, CandidateSet)
    assert refused.failure is not None
    assert refused.failure.code == "plan_failed"


async def test_an_open_request_is_never_forgotten_for_newer_ones(desk: Desk) -> None:
    await planned(desk, classified("old"))
    for number in range(40):
        await events(plan(stream([delivered(classified(f"r{number}"), 10 + number)]), desk.planner))
        await events(rank(stream([delivered(written(f"r{number}"), 10 + number)]), desk.ranker))
    old = desk.ledger.decision("ada", "old")
    assert old is not None
    assert old.is_open
    assert len(desk.ledger.decisions) == 32


async def test_the_refusal_of_too_many_goes_to_the_reply_topic_too(desk: Desk) -> None:
    reply = ReplyTo(topic="replies.team")
    await planned(desk, *(classified(f"r{number}") for number in range(32)))
    over = delivered(classified("over", reply=reply), 99)
    (refused,) = await events(plan(stream([over]), desk.planner))
    assert isinstance(refused, CandidateSet)
    (output,) = await outputs(rank(stream([delivered(refused)]), desk.ranker))
    assert output.reply == reply


async def test_the_user_row_says_so_only_after_the_decision_stands_in_its_changelog(
    desk: Desk,
) -> None:
    """Two tables have two changelogs: a kill between them must not leave a mark without its
    decision."""
    marked: list[bool] = []

    async def flush() -> None:
        row = desk.ledger.user("ada")
        marked.append(row.is_applied(0, 0, desk.ledger.incarnation) or bool(row.decisions))

    desk.ledger.flush = flush
    await planned(desk, classified())
    row = desk.ledger.user("ada")
    assert marked == [False]
    assert row.is_applied(0, 0, desk.ledger.incarnation)
    assert len(row.decisions) == 1


async def test_a_request_of_a_tenant_that_is_not_served_gets_one_answer_that_says_so(
    desk: Desk,
) -> None:
    planner = replace(desk.planner, tenants=Tenants(allowed=frozenset({"acme"})))
    asked = [delivered(classified("r", tenant="invented"), offset) for offset in (0, 0)]
    refused = await events(plan(stream(asked), planner))
    sets = [delivered(each) for each in refused if isinstance(each, CandidateSet)]
    answer, again = await events(rank(stream(sets), desk.ranker))
    assert isinstance(answer, Recommendation) and answer == again
    assert (answer.status, answer.code) == ("error", "unknown_tenant")
    assert "GENRE_TENANTS" in (answer.message or "")
    (task,) = await events(plan(stream([delivered(classified("r", tenant="acme"))]), planner))
    assert isinstance(task, GenerationTask)
