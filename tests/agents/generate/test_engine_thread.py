"""An engine in a thread of its own, also one that breaks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence

import pytest

from agents.generate.engine_thread import EngineThread, Events
from agents.generate.generate import generate
from benchmarks.stand_ins import InstantEngine
from genre_models.engine import Finished, Generation, Piece, Prompt
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


@pytest.fixture(name="started")
def _started() -> Iterator[Callable[[InstantEngine], EngineThread]]:
    threads: list[EngineThread] = []

    def begun(engine: InstantEngine) -> EngineThread:
        threads.append(EngineThread(engine))
        return threads[-1]

    yield begun
    for thread in threads:
        thread.stop()


def row(id: str) -> Generation:
    return Generation(id=id, prompt=Prompt(system="", user="fog"))


async def ends(events: Events, rows: int) -> dict[str, str]:
    """Why each of so many rows ended, by its id."""
    found: dict[str, str] = {}
    while len(found) < rows:
        event = await asyncio.wait_for(events.get(), 5)
        if isinstance(event, Finished):
            found[event.id] = event.code or event.reason
    return found


async def test_each_submission_hears_of_its_own_rows(
    started: Callable[[InstantEngine], EngineThread],
) -> None:
    thread = started(InstantEngine())
    one, other = thread.submit([row("a"), row("b")]), thread.submit([row("c")])
    assert await ends(one, 2) == {"a": "stop", "b": "stop"}
    assert await ends(other, 1) == {"c": "stop"}
    assert one.empty() and other.empty()


async def test_an_engine_that_refuses_a_command_fails_its_rows_and_takes_the_next(
    started: Callable[[InstantEngine], EngineThread],
) -> None:
    class Refusing(InstantEngine):
        """Takes no row named `bad`."""

        def submit(self, rows: Sequence[Generation]) -> None:
            if any(each.id == "bad" for each in rows):
                raise RuntimeError("a defect")
            super().submit(rows)

    thread = started(Refusing())
    assert await ends(thread.submit([row("bad")]), 1) == {"bad": "engine_failed"}
    assert await ends(thread.submit([row("good")]), 1) == {"good": "stop"}
