"""Rows for the engine and candidates from what became of them, on engines that misbehave."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agents.generate.generate import generate
from agents.generate.writer import engine_of, load_engine
from benchmarks.stand_ins import InstantEngine
from genre_models.adapters import AdapterStore
from genre_models.endings import ANY
from genre_models.engine import Finished, Generation, Piece, fidelity
from schemas.candidates import CandidateSet
from schemas.errors import ModelError
from schemas.generations import GenerationTask
from schemas.parts import SamplingParameters
from schemas.progress import Progress
from schemas.requests import Cancel
from streams.settings import Settings
from streams.worker.delivery import Delivery
from tests.agents.deliveries import events, stream
from tests.agents.generate.conftest import task
from tests.genre_models.adapters.conftest import BASE


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


async def test_pieces_come_before_the_set_and_only_when_asked(start) -> None:  # type: ignore[no-untyped-def]
    class Asked(InstantEngine):
        def submit(self, rows: Sequence[Generation]) -> None:
            asked.update((row.id.split("/")[-2], row.stream) for row in rows)
            super().submit(rows)

    asked: dict[str, bool] = {}
    quiet, streamed = task("quiet"), task("streamed", streams=True)
    written = await events(generate(stream([quiet, streamed]), start(Asked())))
    assert asked == {"quiet": False, "streamed": True}
    pieces = [each for each in written if isinstance(each, Progress)]
    assert {(each.request_id, each.index, each.sequence) for each in pieces} == {
        ("streamed", 0, 0),
        ("streamed", 1, 0),
    }
    assert isinstance(written[-1], CandidateSet)


async def test_rows_are_written_as_their_arm_says_else_as_the_task(start) -> None:  # type: ignore[no-untyped-def]
    class Asked(InstantEngine):
        def submit(self, rows: Sequence[Generation]) -> None:
            asked.extend(rows)
            super().submit(rows)

    asked: list[Generation] = []
    both = task("r")
    arms = (
        replace(
            both.event.arms[0],
            genre="riddle",
            sampling=SamplingParameters(
                usual_tokens=4, max_tokens=7, temperature=0.5, min_p=0.1, repetition_penalty=1.0
            ),
        ),
        replace(both.event.arms[1], genre=None, prompt="a poem about tea"),
    )
    await events(
        generate(stream([replace(both, event=replace(both.event, arms=arms))]), start(Asked()))
    )
    own, tasks = asked
    assert (own.prompt.user, tasks.prompt.user) == (both.event.prompt, "a poem about tea")
    assert (own.usual_tokens, own.max_tokens, own.temperature, own.min_p) == (4, 7, 0.5, 0.1)
    assert (own.repetition_penalty, own.ending.closing) == (1.0, "Answer:")
    assert (tasks.usual_tokens, tasks.max_tokens, tasks.temperature, tasks.top_p) == (
        None,
        8,
        0.8,
        0.9,
    )
    assert tasks.ending == ANY


async def test_a_stuck_engine_answers_at_the_deadline(start) -> None:  # type: ignore[no-untyped-def]
    (answer,) = await events(generate(stream([task("r", 0.1)]), start(StuckEngine())))
    assert isinstance(answer, CandidateSet)
    assert answer.failure is not None
    assert answer.failure.code == "expired"


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


async def test_the_same_request_twice_at_once_is_written_twice(start) -> None:  # type: ignore[no-untyped-def]
    twice = [task("r", streams=True), task("r", streams=True)]
    written = await asyncio.wait_for(
        events(generate(stream(twice), start(InstantEngine(pause=0.05)))), 10
    )
    sets = [each for each in written if isinstance(each, CandidateSet)]
    assert len(sets) == 2
    assert sets[0].candidates == sets[1].candidates
    assert len(written) == 2 + 4


@pytest.mark.parametrize(("fast", "engine"), [(True, "fast"), (False, "exact")])
def test_auto_is_what_the_number_beside_the_model_says(
    fast: bool, engine: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Path] = []

    def choose(base: Path) -> fidelity.Choice:
        asked.append(base)
        return fidelity.Choice(fast, "as it was measured")

    monkeypatch.setattr(fidelity, "choose", choose)
    assert engine_of(Settings(models=tmp_path)) == (engine, "as it was measured")
    assert asked == [tmp_path / "base"]


@pytest.mark.parametrize("engine", ["exact", "fast", "openai"])
def test_an_engine_that_is_named_is_taken(engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fidelity, "choose", pytest.fail)
    assert engine_of(Settings(engine=engine)) == (engine, "GENRE_ENGINE says so")


async def test_all_pieces_of_a_text_are_published_before_its_set_and_join_to_it(start) -> None:  # type: ignore[no-untyped-def]
    class Wordy(InstantEngine):
        """Writes each text word by word, all at once."""

        def _written(self, row: Generation) -> Any:
            piece, end = super()._written(row)
            words = piece.text.split(" ")
            texts = [words[0], *(f" {word}" for word in words[1:])]
            return *(Piece(id=row.id, text=text) for text in texts), end

    written = await events(generate(stream([task("r", streams=True)]), start(Wordy())))
    *pieces, answer = written
    assert isinstance(answer, CandidateSet)
    texts = {each.index: "" for each in answer.candidates}
    for piece in pieces:
        assert isinstance(piece, Progress)
        texts[piece.index or 0] += piece.text or ""
    assert texts == {each.index: each.text for each in answer.candidates}
    assert len(pieces) == len(texts)


def test_a_gpu_computes_exactly_and_refuses_integers_in_one_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 1)
    engine, why = engine_of(Settings(models=tmp_path, device="cuda"))
    assert engine == "exact" and "processors" in why
    store = AdapterStore(tmp_path, BASE)
    with pytest.raises(ModelError, match="auto or exact on cuda:0, got fast") as caught:
        load_engine(Settings(models=tmp_path, device="cuda", engine="fast"), store)
    assert caught.value.code == "no_integers"
    monkeypatch.setattr("torch.cuda.device_count", lambda: 0)
    with pytest.raises(ModelError, match="got cuda of 0"):
        engine_of(Settings(models=tmp_path, device="cuda"))


class Counted(InstantEngine):
    """Remembers the rows that it was given."""

    def __init__(self, pause: float = 0.0) -> None:
        super().__init__(pause=pause)
        self.asked: list[Generation] = []

    def submit(self, rows: Sequence[Generation]) -> None:
        self.asked.extend(rows)
        super().submit(rows)


def of_client(delivery: Delivery[GenerationTask]) -> Delivery[GenerationTask]:
    """A task with a seed of the client's."""
    return replace(delivery, event=replace(delivery.event, repeatable=True))


async def test_drafts_of_each_arm_have_seeds_of_its_seed_and_all_tokens_count(start) -> None:  # type: ignore[no-untyped-def]
    engine, one = Counted(), Counted()
    (drafted,) = await events(generate(stream([task("r")]), start(engine, rows=8, drafts=8)))
    (plain,) = await events(generate(stream([task("r")]), start(one)))
    assert isinstance(drafted, CandidateSet) and isinstance(plain, CandidateSet)
    assert len(engine.asked) == len({row.seed for row in engine.asked}) == 8
    assert {row.seed for row in one.asked} < {row.seed for row in engine.asked}
    assert [each.index for each in drafted.candidates] == [0, 1]
    assert drafted.usage.tokens_out == 4 * plain.usage.tokens_out


async def test_a_busy_engine_writes_one_draft_but_all_of_what_a_client_can_repeat(start) -> None:  # type: ignore[no-untyped-def]
    engine = Counted(pause=0.3)
    tasks = [task("first"), task("second"), of_client(task("third")), task("hurried", 5)]
    await events(generate(stream(tasks), start(engine, limit=32, rows=8, drafts=8)))
    rows = Counter(row.id.split("/")[-2] for row in engine.asked)
    assert rows == {"first": 8, "second": 2, "third": 8, "hurried": 2}


async def test_pieces_are_of_the_first_drafts_and_a_lone_one_is_the_only_draft(start) -> None:  # type: ignore[no-untyped-def]
    engine = Counted()
    tasks = [task("two", streams=True), task("one", arms=1, streams=True)]
    written = await events(generate(stream(tasks), start(engine, limit=32, rows=16, drafts=8)))
    pieces = Counter(
        (each.request_id, each.index) for each in written if isinstance(each, Progress)
    )
    assert pieces == {("two", 0): 1, ("two", 1): 1, ("one", 0): 1}
    assert Counter(row.id.split("/")[-2] for row in engine.asked) == {"two": 8, "one": 1}
    assert sum(row.stream for row in engine.asked) == 3


async def test_drafts_that_would_all_be_the_same_are_one(start) -> None:  # type: ignore[no-untyped-def]
    engine, greedy = Counted(), task("r")
    greedy = replace(greedy, event=replace(greedy.event, temperature=0.0))
    await events(generate(stream([greedy]), start(engine, rows=8, drafts=8)))
    assert len(engine.asked) == 2


async def test_cancelling_stops_all_drafts(start) -> None:  # type: ignore[no-untyped-def]
    class Stuck(StuckEngine):
        def submit(self, rows: Sequence[Generation]) -> None:
            super().submit(rows)
            loop.call_soon_threadsafe(writer.cancel, "", Cancel(request_id="r", user_id="ada"))

        def cancel(self, row_id: str) -> None:
            cancelled.add(row_id)
            super().cancel(row_id)

    cancelled: set[str] = set()
    loop = asyncio.get_running_loop()
    writer = start(Stuck(), rows=8, drafts=8)
    (answer,) = await events(generate(stream([task("r")]), writer))
    assert isinstance(answer, CandidateSet) and answer.failure is not None
    assert answer.failure.code == "cancelled" and len(cancelled) == 8


async def test_drafts_that_are_late_are_given_up_for_an_answer(start, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    class Slow(StuckEngine):
        """Ends the first drafts only."""

        def step(self) -> list[Piece | Finished]:
            first = [row for row in self._rows if row.id.endswith(".0")]
            self._rows = [row for row in self._rows if row not in first]
            return [each for row in first for each in self._written(row)] + super().step()

    monkeypatch.setattr("agents.generate.writer._HURRY", 0.0)
    monkeypatch.setattr("agents.generate.writer._JUDGING", 20.0)
    (answer,) = await asyncio.wait_for(
        events(generate(stream([task("r", 20.2)]), start(Slow(), rows=8, drafts=8))), 10
    )
    assert isinstance(answer, CandidateSet) and answer.failure is None
    assert [each.draft for each in answer.candidates] == [0, 0]
