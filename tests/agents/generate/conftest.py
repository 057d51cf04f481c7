"""A writer on an engine, without models, and tasks for it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from agents.generate.engine_thread import EngineThread
from agents.generate.library import Library
from agents.generate.text_judge import TextJudge
from agents.generate.writer import EngineWriter
from agents.genres.registry import Registry
from benchmarks.stand_ins import InstantEncoder
from genre_models.adapters import AdapterStore, BaseSpec
from genre_models.engine import Engine
from genre_models.judging import Judge
from genre_models.safety import SafetyGate
from schemas.generations import ArmTask, GenerationTask
from streams.worker.delivery import Delivery
from tests.agents.deliveries import delivered

BASE = BaseSpec(fingerprint="a" * 64, layers=2, hidden=48, intermediate=64, query=48, key_value=16)


class EvenClassifiers:
    def of(self, tenant: str | None) -> EvenClassifiers:
        return self

    def text_probability(self, embedding: object, genre: str) -> float:
        return 0.5


@pytest.fixture
def start(tmp_path: Path):  # type: ignore[no-untyped-def]
    threads: list[EngineThread] = []

    def writer(engine: Engine, limit: int = 8, **drafts: int) -> EngineWriter:
        thread = EngineThread(engine)
        threads.append(thread)
        classifiers: Any = EvenClassifiers()
        judge = TextJudge(
            encoder=InstantEncoder(), classifiers=classifiers, gate=SafetyGate(), judge=Judge.load()
        )
        library = Library(Registry(), AdapterStore(tmp_path, BASE))
        return EngineWriter(thread, judge, library, limit=limit, base="test", **drafts)

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
