from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

from agents.generate.generate import generate
from benchmarks.stand_ins import InstantEngine
from schemas.candidates import CandidateSet
from schemas.generations import GenerationTask
from streams.worker.delivery import Delivery
from tests.agents.deliveries import events, stream
from tests.agents.generate.conftest import task


async def test_a_task_that_is_given_up_leaves_the_engine_and_its_room(start) -> None:  # type: ignore[no-untyped-def]
    engine = InstantEngine(pause=0.05)
    writer = start(engine, limit=2)
    first = task("r0")
    taken = asyncio.Event()

    async def tasks() -> AsyncIterator[Delivery[GenerationTask]]:
        yield first
        taken.set()
        await asyncio.Event().wait()

    engine.step = lambda: time.sleep(0.01) or []  # type: ignore[method-assign,func-returns-value]
    writing = asyncio.ensure_future(events(generate(tasks(), writer)))
    await taken.wait()
    await asyncio.sleep(0.05)
    assert not engine.idle
    writing.cancel()
    await asyncio.gather(writing, return_exceptions=True)
    assert not first.finished
    await asyncio.wait_for(writer.room(first.event), 1)
    while not engine.idle:
        await asyncio.sleep(0.01)


async def test_every_task_gets_one_set_with_a_candidate_an_arm(start) -> None:  # type: ignore[no-untyped-def]
    tasks = [task(f"r{number}") for number in range(20)]
    sets = await events(generate(stream(tasks), start(InstantEngine())))
    answered = [each.request_id for each in sets if isinstance(each, CandidateSet)]
    assert sorted(answered) == sorted(f"r{number}" for number in range(20))
    assert all(len(each.candidates) == 2 for each in sets if isinstance(each, CandidateSet))
    assert all(each.finished and each.failure is None for each in tasks)
