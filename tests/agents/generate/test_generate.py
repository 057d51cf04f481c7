from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agents.generate.engine_thread import EngineThread
from agents.generate.generate import generate
from agents.generate.library import Library
from agents.generate.text_judge import TextJudge
from agents.generate.writer import EngineWriter
from agents.genres.registry import Registry
from benchmarks.stand_ins import InstantEncoder, InstantEngine
from genre_models.adapters import AdapterStore, BaseSpec
from genre_models.engine import Engine, Finished, Generation, Piece
from genre_models.safety import SafetyGate
from schemas.candidates import CandidateSet
from schemas.generations import ArmTask, GenerationTask
from schemas.progress import Progress
from schemas.requests import Cancel
from streams.worker.delivery import Delivery
from tests.agents.deliveries import delivered, events, stream

BASE = BaseSpec(fingerprint="a" * 64, layers=2, hidden=48, intermediate=64, query=48, key_value=16)


class EvenClassifiers:
    def of(self, tenant: str | None) -> EvenClassifiers:
        return self

    def text_probability(self, embedding: object, genre: str) -> float:
        return 0.5


class StuckEngine(InstantEngine):
    """Never finishes anything but what is cancelled."""

    def __init__(self) -> None:
        super().__init__(pause=0.01)
        self._cancelled: list[str] = []

    @property
    def idle(self) -> bool:
        return not (self._rows or self._cancelled)

    def cancel(self, row_id: str) -> None:
        super().cancel(row_id)
        self._cancelled.append(row_id)

    def step(self) -> list[Piece | Finished]:
        cancelled, self._cancelled = self._cancelled, []
        return [
            Finished(id=each, text="", reason="cancelled", logprob=0.0, tokens_in=0, tokens_out=0)
            for each in cancelled
        ]


class BrokenEngine(InstantEngine):
    """Raises at the first step, as no engine should."""

    def step(self) -> list[Piece | Finished]:
        self._rows.clear()
        raise RuntimeError("a defect")


class HalfFailingEngine(InstantEngine):
    """Fails the rows with an odd seed."""

    def _written(self, row: Generation) -> tuple[Piece, Finished]:
        piece, end = super()._written(row)
        if row.seed % 2 == 0:
            return piece, end
        failed = Finished(
            id=row.id,
            text="",
            reason="failed",
            logprob=0.0,
            tokens_in=0,
            tokens_out=0,
            code="not_finite",
            message="NaN",
        )
        return piece, failed


@pytest.fixture
def start(tmp_path: Path):  # type: ignore[no-untyped-def]
    threads: list[EngineThread] = []

    def writer(engine: Engine, limit: int = 8) -> EngineWriter:
        thread = EngineThread(engine)
        threads.append(thread)
        classifiers: Any = EvenClassifiers()
        judge = TextJudge(encoder=InstantEncoder(), classifiers=classifiers, gate=SafetyGate())
        library = Library(Registry(), AdapterStore(tmp_path, BASE))
        return EngineWriter(thread, judge, library, limit=limit, base="test")

    yield writer
    for thread in threads:
        thread.stop()


def task(
    request_id: str, seconds: float = 30, *, arms: int = 2, streams: bool = False
) -> Delivery[GenerationTask]:
    event = GenerationTask(
        request_id=request_id,
        user_id="ada",
        prompt="a joke about fog",
        arms=tuple(
            ArmTask(index=index, genre="joke", family="humour", seed=index) for index in range(arms)
        ),
        max_tokens=8,
        temperature=0.8,
        top_p=0.9,
        stream=streams,
        deadline=datetime.now(UTC) + timedelta(seconds=seconds),
    )
    return delivered(event)


async def test_every_task_gets_one_set_with_a_candidate_an_arm(start) -> None:  # type: ignore[no-untyped-def]
    tasks = [task(f"r{number}") for number in range(20)]
    sets = await events(generate(stream(tasks), start(InstantEngine())))
    answered = [each.request_id for each in sets if isinstance(each, CandidateSet)]
    assert sorted(answered) == sorted(f"r{number}" for number in range(20))
    assert all(len(each.candidates) == 2 for each in sets if isinstance(each, CandidateSet))
    assert all(each.finished and each.failure is None for each in tasks)


async def test_pieces_come_before_the_set_and_only_when_asked(start) -> None:  # type: ignore[no-untyped-def]
    quiet, streamed = task("quiet"), task("streamed", streams=True)
    written = await events(generate(stream([quiet, streamed]), start(InstantEngine())))
    pieces = [each for each in written if isinstance(each, Progress)]
    assert {(each.request_id, each.index, each.sequence) for each in pieces} == {
        ("streamed", 0, 0),
        ("streamed", 1, 0),
    }
    assert isinstance(written[-1], CandidateSet)


async def test_a_stuck_engine_answers_at_the_deadline(start) -> None:  # type: ignore[no-untyped-def]
    (answer,) = await events(generate(stream([task("r", 0.1)]), start(StuckEngine())))
    assert isinstance(answer, CandidateSet)
    assert answer.failure is not None
    assert answer.failure.code == "expired"


async def test_a_broken_engine_fails_its_rows_and_writes_the_next(start) -> None:  # type: ignore[no-untyped-def]
    (answer,) = await events(generate(stream([task("r")]), start(BrokenEngine())))
    assert isinstance(answer, CandidateSet)
    assert answer.failure is not None
    assert answer.failure.code == "engine_failed"


async def test_failed_rows_leave_the_others_alone(start) -> None:  # type: ignore[no-untyped-def]
    (answer,) = await events(generate(stream([task("r", arms=4)]), start(HalfFailingEngine())))
    assert isinstance(answer, CandidateSet)
    assert answer.failure is None
    assert [each.failure is None for each in answer.candidates] == [True, False, True, False]


async def test_a_cancelled_request_stops_and_one_cancelled_before_never_starts(start) -> None:  # type: ignore[no-untyped-def]
    writer = start(StuckEngine())
    writer.cancel("", Cancel(request_id="early", user_id="ada"))
    asyncio.get_running_loop().call_later(
        0.1, writer.cancel, "", Cancel(request_id="running", user_id="ada")
    )
    sets = await events(generate(stream([task("early"), task("running")]), writer))
    assert [
        each.failure.code for each in sets if isinstance(each, CandidateSet) and each.failure
    ] == ["cancelled"] * 2


async def test_no_more_rows_than_the_limit_are_in_the_engine(start) -> None:  # type: ignore[no-untyped-def]
    most = 0

    class Counting(InstantEngine):
        def step(self) -> list[Piece | Finished]:
            nonlocal most
            most = max(most, len(self._rows))
            return super().step()

    async def endless() -> AsyncIterator[Delivery[GenerationTask]]:
        for number in range(30):
            yield task(f"r{number}", arms=3)

    sets = await events(generate(endless(), start(Counting(pause=0.002), limit=7)))
    assert len(sets) == 30
    assert 3 <= most <= 7


def test_embeddings_of_the_stand_in_are_unit_vectors() -> None:
    rows = InstantEncoder().encode(["a", "a b", ""])
    assert np.allclose(np.linalg.norm(rows, axis=1), 1.0)


async def test_the_same_request_twice_at_once_is_written_twice(start) -> None:  # type: ignore[no-untyped-def]
    twice = [task("r", streams=True), task("r", streams=True)]
    written = await asyncio.wait_for(
        events(generate(stream(twice), start(InstantEngine(pause=0.05)))), 10
    )
    sets = [each for each in written if isinstance(each, CandidateSet)]
    assert len(sets) == 2
    assert sets[0].candidates == sets[1].candidates
    assert len(written) == 2 + 4
