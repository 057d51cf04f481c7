from __future__ import annotations

from agents.generate.generate import generate
from benchmarks.stand_ins import InstantEngine
from schemas.candidates import CandidateSet
from tests.agents.deliveries import events, stream
from tests.agents.generate.conftest import task


async def test_every_task_gets_one_set_with_a_candidate_an_arm(start) -> None:  # type: ignore[no-untyped-def]
    tasks = [task(f"r{number}") for number in range(20)]
    sets = await events(generate(stream(tasks), start(InstantEngine())))
    answered = [each.request_id for each in sets if isinstance(each, CandidateSet)]
    assert sorted(answered) == sorted(f"r{number}" for number in range(20))
    assert all(len(each.candidates) == 2 for each in sets if isinstance(each, CandidateSet))
    assert all(each.finished and each.failure is None for each in tasks)
