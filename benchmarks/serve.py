"""From Kafka to Kafka with the real models, beside the engine alone with the same tasks.

Requests of mixed genres, four candidates of at most 40 tokens each, streamed; 1, 4, 16 and 32 in
flight, the next one sent when one is answered. On the embedded broker, or on Apache Kafka with
`--kafka` or where `GENRE_KAFKA_STARTER` is set. Then the very tasks that `plan` published are
handed to the local engine in one process, as many in flight, and to vLLM where `GENRE_VLLM` names
a Python that has it. Processor time is that of every process but Apache Kafka's.
"""

from __future__ import annotations

import asyncio
import os
import re
import tempfile
import time
import uuid
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from agents.base_model import base_folder
from agents.classify.classify import LONGEST_DEADLINE
from agents.generate.writer import load_engine, row_of
from agents.roles import share_cores
from benchmarks.fixtures import apache_kafka
from benchmarks.idle import family_seconds
from benchmarks.latency import pipeline
from benchmarks.report import arguments, percentile, show
from benchmarks.vllm_server import vllm_engine
from genre_models.adapters import AdapterStore, BaseSpec
from genre_models.engine import Engine, Finished, Generation
from genre_models.taxonomy import Taxonomy
from schemas.generations import GenerationTask
from schemas.progress import Progress
from schemas.requests import GenerationRequest
from streams.clients.client import Client
from streams.clients.embedded_broker import embedded_broker
from streams.clients.reader import Reader, read
from streams.settings import Settings
from streams.wire.codecs import decode

NEW = 40
WARM_UP = 12  # requests: what is read once has been read
# Requests by how many are in flight.
FULL: Mapping[int, int] = {1: 8, 4: 16, 16: 48, 32: 64}
QUICK: Mapping[int, int] = {1: 4, 16: 24}
WISHES = (
    "Tell me a joke about {}.",
    "A product description of {} for our web shop.",
    "Explain {} to a pupil of twelve.",
    "A polite answer to a customer who complains about {}.",
    "Two lines of dialogue for a game, the guard talks about {}.",
    "A short poem about {}.",
    "A marketing email that announces {}.",
    "Define {} for a glossary.",
)
SUBJECTS = (
    "a late train", "the lighthouse", "a rain jacket", "coffee", "the moon", "an old bicycle",
    "a garden fence", "night shifts", "a lost parcel", "winter", "the new library", "bees",
    "a broken kettle",
)  # fmt: skip
SENTENCE_END = re.compile(r"[.!?\u2026][\"')\u201d\u2019]*(?:\s|$)")

Figures = dict[str, float | None]


@dataclass(slots=True, kw_only=True)
class Level:
    """What so many in flight gave; times are seconds."""

    in_flight: int
    seconds: float = 0.0
    processor: float = 0.0
    tokens: int = 0
    answers: list[float] = field(default_factory=list)

    @property
    def tok_s(self) -> float:
        """Tokens a second."""
        return self.tokens / self.seconds

    @property
    def processor_ms_token(self) -> float:
        """Milliseconds of processor time a token."""
        return 1000 * self.processor / self.tokens

    def figures(self, name: str) -> Figures:
        """Every figure, its key ending with how many were in flight."""
        found = {
            "requests_min": 60 * len(self.answers) / self.seconds,
            "tok_s": self.tok_s,
            "p50_s": percentile(self.answers, 0.5),
            "p99_s": percentile(self.answers, 0.99),
            "processor_ms_token": self.processor_ms_token,
        }
        return {f"{name}{key}_f{self.in_flight}": value for key, value in found.items()}


class Screen:
    """What a client who reads `progress` has seen: first pieces and first whole sentences."""

    def __init__(self) -> None:
        self.first_piece: dict[str, float] = {}
        self.first_sentence: dict[str, float] = {}
        self._texts: defaultdict[tuple[str, int], str] = defaultdict(str)

    async def watch(self, reader: Reader) -> None:
        """Read for ever."""
        while True:
            for record in await reader.take():
                self._show(decode(record.value, Progress), time.perf_counter())

    def _show(self, piece: Progress, now: float) -> None:
        request, index = piece.request_id or "", piece.index or 0
        self.first_piece.setdefault(request, now)
        self._texts[request, index] += piece.text or ""
        if SENTENCE_END.search(self._texts[request, index]):
            self.first_sentence.setdefault(request, now)


def requests(number: int) -> Iterator[GenerationRequest]:
    """All different; genres and users in turn."""
    for count in range(number):
        wish, subject = WISHES[count % len(WISHES)], SUBJECTS[count % len(SUBJECTS)]
        yield GenerationRequest(
            user_id=f"user-{count % 20}",
            request_id=uuid.uuid4().hex,
            prompt=f"{wish.format(subject)} It is for number {count}.",
            max_tokens=NEW,
            stream=True,
            deadline=datetime.now(UTC) + LONGEST_DEADLINE,
        )


@asynccontextmanager
async def broker(*, kafka: bool) -> AsyncIterator[Settings]:
    """Settings of the broker that is measured on."""
    settings = Settings.from_environment()
    if not kafka:
        async with embedded_broker(replace(settings, partitions=1)) as embedded:
            yield embedded.settings
        return
    with apache_kafka(partitions=4) as given:
        models = {name: getattr(settings, name) for name in ("models", "base", "adapters")}
        served = {name: getattr(settings, name) for name in ("engine", "rows", "threads")}
        yield replace(given, **models, **served, store="memory://")


async def through(
    client: Client, settings: Settings, in_flight: int, wanted: Sequence[GenerationRequest]
) -> tuple[Level, Figures]:
    """Ask for all, so many at a time."""
    level, screen, begun_at = Level(in_flight=in_flight), Screen(), dict[str, float]()
    waiting = iter(wanted)

    async def ask() -> None:
        for request in waiting:
            begun_at[request.request_id or ""] = begun = time.perf_counter()
            answer = await client.ask(request, within=600)
            if answer.status != "ok":
                raise RuntimeError(f"expected texts, got {answer.status}: {answer.message}")
            level.answers.append(time.perf_counter() - begun)
            level.tokens += answer.usage.tokens_out

    async with Reader(settings, settings.topic("progress"), beginning=False) as reader:
        watching = asyncio.create_task(screen.watch(reader))
        processor, begun = family_seconds(os.getpid()), time.perf_counter()
        await asyncio.gather(*(ask() for _ in range(in_flight)))
        level.seconds = time.perf_counter() - begun
        level.processor = family_seconds(os.getpid()) - processor
        watching.cancel()
    seen = {"first_piece": screen.first_piece, "first_sentence": screen.first_sentence}
    return level, {
        f"{name}_p50_s_f{in_flight}": percentile(
            [at - begun_at[request] for request, at in times.items() if request in begun_at], 0.5
        )
        for name, times in seen.items()
    }


def rows(task: GenerationTask) -> list[Generation]:
    """What `generate` makes of a task, one draft an arm."""
    genres = Taxonomy.load().genres
    return [row_of(task, arm, genres.get(arm.genre or ""), task.request_id) for arm in task.arms]


def alone(engine: Engine, in_flight: int, tasks: Sequence[GenerationTask]) -> Level:
    """The engine and nothing else, so many tasks at a time."""
    level, left = Level(in_flight=in_flight), Counter[str]()
    waiting, since = iter(tasks), dict[str, float]()

    def begin(number: int) -> None:
        for task, _ in zip(waiting, range(number), strict=False):
            since[task.request_id], left[task.request_id] = time.perf_counter(), len(task.arms)
            engine.submit(rows(task))

    processor, begun = family_seconds(os.getpid()), time.perf_counter()
    begin(in_flight)
    while not engine.idle:
        for end in engine.step():
            if isinstance(end, Finished):
                request = end.id.rpartition("/")[0]
                level.tokens += end.tokens_out
                left[request] -= 1
                if not left[request]:
                    level.answers.append(time.perf_counter() - since[request])
                    begin(1)
    level.seconds = time.perf_counter() - begun
    level.processor = family_seconds(os.getpid()) - processor
    return level


async def measured(
    levels: Mapping[int, int], *, kafka: bool
) -> tuple[dict[int, Level], Figures, list[GenerationTask]]:
    """By in flight what the pipeline gives; more of it; and the tasks, those of a warm-up first."""
    found, more = dict[int, Level](), Figures()
    wanted = requests(WARM_UP + sum(levels.values()))
    async with (
        broker(kafka=kafka) as settings,
        pipeline(settings, module="agents.main") as client,
    ):
        await through(client, settings, 4, [next(wanted) for _ in range(WARM_UP)])
        for in_flight, number in levels.items():
            some = [next(wanted) for _ in range(number)]
            found[in_flight], seen = await through(client, settings, in_flight, some)
            more |= found[in_flight].figures("") | seen
        tasks = [
            decode(record.value, GenerationTask)
            async for record in read(settings, settings.topic("generations"))
        ]
    return found, more, sorted(tasks, key=lambda task: task.deadline)


def beside(
    engine: Engine, levels: Mapping[int, int], tasks: Sequence[GenerationTask]
) -> dict[int, Level]:
    """By in flight what an engine alone gives for the same tasks."""
    alone(engine, 4, tasks[:WARM_UP])
    found, first = dict[int, Level](), WARM_UP
    for in_flight, number in levels.items():
        found[in_flight] = alone(engine, in_flight, tasks[first : first + number])
        first += number
    return found


def main() -> None:
    """Measure and print."""
    given = arguments(__doc__ or "", kafka="on Apache Kafka")
    levels, settings = QUICK if given.quick else FULL, Settings.from_environment()
    kafka = given.kafka or "GENRE_KAFKA_STARTER" in os.environ
    share_cores()
    found, figures, tasks = asyncio.run(measured(levels, kafka=kafka))
    base = base_folder(settings)
    store = AdapterStore(settings.adapters, BaseSpec.load(base))
    for in_flight, level in beside(load_engine(settings, store), levels, tasks).items():
        figures |= level.figures("engine_")
        figures[f"over_engine_f{in_flight}"] = found[in_flight].tok_s / level.tok_s
        figures[f"processor_over_engine_f{in_flight}"] = (
            found[in_flight].processor_ms_token / level.processor_ms_token
        )
    with (
        tempfile.TemporaryDirectory(prefix="genre-benchmark-") as folder,
        vllm_engine(base, store, settings.rows, Path(folder)) as vllm,
    ):
        for level in beside(vllm, levels, tasks).values() if vllm else ():
            figures |= level.figures("vllm_")
    show(figures, json=given.json)


if __name__ == "__main__":
    main()
