"""An engine in a thread of its own, also one that breaks."""

from __future__ import annotations

from agents.generate.generate import generate
from benchmarks.stand_ins import InstantEngine
from genre_models.engine import Finished, Piece
from schemas.candidates import CandidateSet
from tests.agents.deliveries import events, stream
from tests.agents.generate.conftest import task


class BrokenEngine(InstantEngine):
    """Raises at the first step, as no engine should."""

    def step(self) -> list[Piece | Finished]:
        self._rows.clear()
        raise RuntimeError("a defect")


async def test_a_broken_engine_fails_its_rows_and_writes_the_next(start) -> None:  # type: ignore[no-untyped-def]
    (answer,) = await events(generate(stream([task("r")]), start(BrokenEngine())))
    assert isinstance(answer, CandidateSet)
    assert answer.failure is not None
    assert answer.failure.code == "engine_failed"
