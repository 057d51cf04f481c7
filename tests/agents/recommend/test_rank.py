from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from agents.recommend.plan import plan
from agents.recommend.rank import rank
from genre_models.preferences.features import BLOCKS, DIMENSION, genre_code
from schemas.candidates import CandidateSet
from schemas.decisions import Decision
from schemas.parts import Failure, Verdict
from schemas.recommendations import Recommendation
from schemas.requests import GenerationRequest
from streams.worker.tables import nothing_to_flush
from tests.agents.deliveries import delivered, events, stream
from tests.agents.genres.test_registry import HAIKU
from tests.agents.recommend.conftest import Desk, classified, written


async def answered(desk: Desk, *sets: CandidateSet) -> list[object]:
    await events(plan(stream([delivered(classified())]), desk.planner))
    return await events(
        rank(stream(delivered(each, offset) for offset, each in enumerate(sets)), desk.ranker)
    )


async def test_candidates_become_one_recommendation_and_one_decision(desk: Desk) -> None:
    answer, decision = await answered(desk, written())
    assert isinstance(answer, Recommendation)
    assert isinstance(decision, Decision)
    assert answer.status == "ok"
    assert sorted(each.candidate_id for each in answer.candidates) == [
        f"r1/{index}" for index in range(4)
    ]
    assert [each.position for each in decision.candidates] == [0, 1, 2, 3]
    assert sum(each.propensity for each in decision.candidates) == pytest.approx(1.0)
    assert not desk.ledger.waiting


async def test_what_orders_is_logged_taste_and_quality_and_the_texts_seeds(desk: Desk) -> None:
    desk = replace(desk, ranker=replace(desk.ranker, exploration=False))
    first, *others = written().candidates
    loop = replace(first, text="the duck the duck " * 12, text_probability=0.1, finish="length")
    answer, decision = await answered(desk, written(candidates=(loop, *others)))
    assert isinstance(answer, Recommendation) and isinstance(decision, Decision)
    told = [(each.score, each.quality or 0.0) for each in decision.candidates]
    assert [taste + quality for taste, quality in told] == pytest.approx(
        sorted((each.score for each in answer.candidates), reverse=True)
    )
    assert min(quality for _, quality in told) < max(quality for _, quality in told) - 0.05
    row = desk.ledger.decision("ada", "r1")
    assert row is not None
    assert {each.index: each.seed for each in decision.candidates} == {
        arm.index: arm.seed for arm in row.arms
    }


async def test_what_breaks_off_stands_last_and_the_log_says_so(desk: Desk) -> None:
    cut, whole, trimmed, older = written().candidates
    sent = (
        replace(cut, finish="length", broken_off=True),
        replace(whole, finish="length", broken_off=False),
        replace(trimmed, finish="length", trimmed=True, broken_off=False),
        replace(older, finish="length"),
    )
    answer, decision = await answered(desk, written(candidates=sent))
    assert isinstance(answer, Recommendation) and isinstance(decision, Decision)
    places = [int(each.candidate_id[-1]) for each in answer.candidates]
    assert set(places[:2]) == {1, 2}
    assert {each.candidate_id[-1] for each in answer.candidates if each.trimmed} == {"2"}
    assert {each.index for each in decision.candidates if each.broken_off} == {0, 3}


async def test_the_first_set_wins_and_a_repeat_publishes_the_stored_answer(desk: Desk) -> None:
    later = replace(written(), candidates=written().candidates[:1])
    failed = CandidateSet(
        request_id="r1", user_id="ada", failure=Failure(code="expired", message="late")
    )
    first, decision, *repeats = await answered(desk, written(), later, failed)
    assert repeats == [first, decision, first, decision]


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("expired", "expired"),
        ("declined", "declined"),
        ("cancelled", "error"),
        ("engine_failed", "error"),
    ],
)
async def test_a_failure_becomes_its_terminal_answer(desk: Desk, code: str, status: str) -> None:
    (answer,) = await answered(
        desk, written(candidates=(), failure=Failure(code=code, message="why"))
    )
    assert isinstance(answer, Recommendation)
    assert (answer.status, answer.code, answer.message) == (status, code, "why")


async def test_unsafe_and_failed_texts_are_never_shown(desk: Desk) -> None:
    first, second, third, fourth = written().candidates
    unsafe = replace(first, verdict=Verdict(allowed=False, code="hate", reason="no"))
    failed = replace(second, failure=Failure(code="nan", message="no"))
    answer, _ = await answered(desk, written(candidates=(unsafe, failed, third, fourth)))
    assert isinstance(answer, Recommendation)
    assert sorted(each.candidate_id for each in answer.candidates) == ["r1/2", "r1/3"]


async def test_nothing_but_unsafe_texts_is_declined(desk: Desk) -> None:
    unsafe = tuple(
        replace(each, verdict=Verdict(allowed=False, code="hate")) for each in written().candidates
    )
    (answer,) = await answered(desk, written(candidates=unsafe))
    assert isinstance(answer, Recommendation)
    assert answer.status == "declined"


async def test_candidates_that_nobody_asked_for_are_a_dead_letter(desk: Desk) -> None:
    stray = delivered(written("stray"))
    assert await events(rank(stream([stray]), desk.ranker)) == []
    assert stray.failure is not None
    assert getattr(stray.failure, "code", None) == "unknown_request"


async def test_a_request_over_the_quota_is_answered_without_a_row(desk: Desk) -> None:
    over = CandidateSet(
        request_id="x", user_id="ada", failure=Failure(code="too_many_open", message="wait")
    )
    (answer,) = await events(rank(stream([delivered(over)]), desk.ranker))
    assert isinstance(answer, Recommendation)
    assert (answer.status, answer.code) == ("error", "too_many_open")
    assert not desk.ledger.decisions


async def test_an_answer_under_way_is_not_forgotten_for_a_newer_request(desk: Desk) -> None:
    """A crash before the broker has it would lose the only answer."""
    requests = [delivered(classified(f"r{number}"), number) for number in range(34)]
    await events(plan(stream(requests[:32]), desk.planner))
    meanwhile: list[object] = []

    async def flush() -> None:
        desk.ledger.flush = nothing_to_flush
        meanwhile.extend(await events(plan(stream(requests[32:33]), desk.planner)))

    desk.ledger.flush = flush
    assert len(await events(rank(stream([delivered(written("r0"))]), desk.ranker))) == 2
    assert isinstance(meanwhile[0], CandidateSet)
    assert desk.ledger.decision("ada", "r0") is not None
    (task,) = await events(plan(stream(requests[33:]), desk.planner))
    assert not isinstance(task, CandidateSet) and desk.ledger.decision("ada", "r0") is None


async def test_a_defect_in_ranking_is_an_error_for_its_client(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agents.recommend.rank.rank_candidates", lambda *_, **__: 1 / 0)
    (answer,) = await answered(desk, written())
    assert isinstance(answer, Recommendation)
    assert (answer.status, answer.code) == ("error", "rank_failed")


async def test_a_genre_is_ranked_by_the_code_with_which_it_was_planned(desk: Desk) -> None:
    desk.registry.apply(HAIKU.name, replace(HAIKU, salt=4031))
    wanted = GenerationRequest(user_id="ada", prompt="autumn", request_id="r1", genre="haiku")
    await events(plan(stream([delivered(classified(request=wanted))]), desk.planner))
    desk.registry.apply(HAIKU.name, None)
    _, decision = await events(rank(stream([delivered(written())]), desk.ranker))
    assert isinstance(decision, Decision)
    own = genre_code("haiku", salt=4031)
    for each in decision.candidates:
        features = np.frombuffer(each.features, "<f2")
        assert len(features) == DIMENSION and np.allclose(features[BLOCKS["genre"]], own, atol=1e-3)
