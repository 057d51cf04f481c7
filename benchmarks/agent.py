"""What Kafka, scheduling and streaming cost: the generate role against its engine alone.

The same tasks, one text each, 16 in flight: by the engine alone, by the engine with every text
judged beside it as the role does (genre, projection, safety), and by the role, which streams on
the embedded broker.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from agents.base_model import base_folder
from agents.generate.text_judge import TextJudge
from agents.genres.classifiers import load_classifiers
from agents.genres.registry import Registry
from benchmarks.fixtures import supervised
from genre_models.adapters import AdapterStore, BaseSpec, add_starters
from genre_models.encoder import SentenceEncoder
from genre_models.engine import Finished, Generation, chat_prompt
from genre_models.judging import Judge
from genre_models.multilingual import MultilingualEncoder
from genre_models.safety import SafetyGate, load_score
from genre_models.taxonomy import Taxonomy
from schemas.candidates import CandidateSet
from schemas.generations import ArmTask, GenerationTask
from streams.clients.embedded_broker import embedded_broker
from streams.clients.kafka import consumer, producer
from streams.clients.topic_admin import create
from streams.settings import Settings
from streams.wire.codecs import decode, encode

if TYPE_CHECKING:
    from genre_models.engine.local_engine import LocalEngine

IN_FLIGHT, TASKS, NEW = 16, 96, 64
RUNS = 2  # the faster counts: single runs differ by a tenth


def overhead(settings: Settings) -> dict[str, float | None]:
    """Shares of the engine's tokens a second, in fast mode, that are lost around it.

    That is in all, to judging texts, and to Kafka, scheduling and streaming.
    """
    fast = replace(settings, engine="fast", rows=IN_FLIGHT)
    with tempfile.TemporaryDirectory(prefix="genre-benchmark-") as folder:
        store = AdapterStore(Path(folder) / "store", BaseSpec.load(base_folder(settings)))
        tasks = made([str(name) for name in add_starters(store) if name.genre in Taxonomy.load()])
        engine, judge = loaded(fast, store)
        alone = max(_tok_s(engine, tasks) for _ in range(RUNS))
        judged = max(_tok_s(engine, tasks, judge) for _ in range(RUNS))
        del engine, judge
        through = max(
            asyncio.run(by_role(replace(fast, adapters=store.root), tasks)) for _ in range(RUNS)
        )
    return {
        "agent_overhead": 1 - through / alone,
        "judging_overhead": 1 - judged / alone,
        "kafka_overhead": (judged - through) / alone,
    }


def made(adapters: Sequence[str]) -> list[GenerationTask]:
    """Tasks of as many users, over all adapters in turn."""
    return [
        GenerationTask(
            request_id=f"r{number}",
            user_id=f"u{number}",
            prompt=f"Something about the sea, number {number}.",
            arms=(ArmTask(index=0, genre=name.partition("@")[0], adapter=name, seed=number),),
            max_tokens=NEW,
            temperature=0.8,
            top_p=0.95,
            stream=True,
            deadline=datetime.now(UTC) + timedelta(minutes=9),
        )
        for number, name in ((number, adapters[number % len(adapters)]) for number in range(TASKS))
    ]


def loaded(settings: Settings, store: AdapterStore) -> tuple[LocalEngine, TextJudge]:
    """What the role loads."""
    from genre_models.engine.local_engine import LocalEngine

    base, encoder = base_folder(settings), SentenceEncoder.load(settings.models / "encoder")
    engine = LocalEngine.load(
        base, store, fast=True, threads=settings.model_threads, rows=IN_FLIGHT
    )
    multilingual = MultilingualEncoder(settings.models / "multilingual")
    return engine, TextJudge(
        encoder=encoder,
        classifiers=load_classifiers(settings, encoder, Registry(), multilingual),
        gate=SafetyGate(load_score(settings.models, encoder)),
        judge=Judge.load(),
    )


def _tok_s(
    engine: LocalEngine, tasks: Sequence[GenerationTask], judge: TextJudge | None = None
) -> float:
    """The first in-flight rows of tasks are a warm-up."""
    with ThreadPoolExecutor(1) as judging:
        _written(engine, tasks[:IN_FLIGHT], judge, judging)
        begun = time.perf_counter()
        tokens = _written(engine, tasks, judge, judging)
    return tokens / (time.perf_counter() - begun)


def _written(
    engine: LocalEngine,
    tasks: Sequence[GenerationTask],
    judge: TextJudge | None,
    judging: ThreadPoolExecutor,
) -> int:
    genres, by_id, tokens = Taxonomy.load().genres, {task.request_id: task for task in tasks}, 0
    waiting = [
        Generation(
            id=task.request_id,
            prompt=chat_prompt(
                instruction=genres[arm.genre or ""].instruction, request=task.prompt
            ),
            adapter=arm.adapter,
            max_tokens=task.max_tokens,
            seed=arm.seed,
            user=task.user_id,
        )
        for task in tasks
        for arm in task.arms
    ]
    verdicts: list[Future[object]] = []
    engine.submit(waiting[:IN_FLIGHT])
    del waiting[:IN_FLIGHT]
    while not engine.idle:
        ends = [event for event in engine.step() if isinstance(event, Finished)]
        for end in ends:
            tokens += end.tokens_out
            if judge is not None:
                verdicts.append(judging.submit(judge.candidates, by_id[end.id], {0: [end]}))
        engine.submit(waiting[: len(ends)])
        del waiting[: len(ends)]
    for verdict in verdicts:
        verdict.result()
    return tokens


async def by_role(settings: Settings, tasks: Sequence[GenerationTask]) -> float:
    """Tokens a second of the role's candidates, the first of them as a warm-up."""
    async with embedded_broker(replace(settings, partitions=1)) as broker:
        given = broker.settings
        await create(given)
        async with (
            supervised(given) as supervisor,
            consumer(given, given.topic("candidates")) as reader,
            producer(given) as sender,
        ):
            supervisor.start("generate")
            await supervisor.ready(within=120)
            warm = [
                replace(task, request_id=f"warm-{task.request_id}") for task in tasks[:IN_FLIGHT]
            ]
            await _kept_in_flight(given, sender, reader, warm)
            begun = time.perf_counter()
            tokens = await _kept_in_flight(given, sender, reader, tasks)
            return tokens / (time.perf_counter() - begun)


async def _kept_in_flight(
    given: Settings,
    sender: AIOKafkaProducer,
    reader: AIOKafkaConsumer,
    tasks: Sequence[GenerationTask],
) -> int:
    async def publish(task: GenerationTask) -> None:
        await sender.send(
            given.topic("generations"),
            encode(task),
            key=f"{task.user_id}/{task.request_id}".encode(),
        )

    waiting, tokens, missing = list(tasks[IN_FLIGHT:]), 0, len(tasks)
    for task in tasks[:IN_FLIGHT]:
        await publish(task)
    async for record in reader:
        answer = decode(record.value, CandidateSet)
        if answer.failure is not None:
            raise RuntimeError(
                f"expected texts, got {answer.failure.code}: {answer.failure.message}"
            )
        tokens, missing = tokens + answer.usage.tokens_out, missing - 1
        if waiting:
            await publish(waiting.pop(0))
        if not missing:
            break
    return tokens
