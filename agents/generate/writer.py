"""The writer of `generate`: a task's arms become rows for the engine, finished rows candidates."""

from __future__ import annotations

import asyncio
import itertools
import logging
import time
from collections import OrderedDict, defaultdict
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from operator import itemgetter

from agents.base_model import base_folder, served_name
from agents.failures import expired, failure_of
from agents.generate.engine_thread import EngineThread, Events
from agents.generate.library import Library
from agents.generate.pieces import Pieces
from agents.generate.text_judge import TextJudge
from agents.genres.classifiers import load_classifiers
from agents.genres.registry import Registry
from genre_models.adapters import AdapterStore, BaseSpec
from genre_models.devices import device_of
from genre_models.encoder import SentenceEncoder
from genre_models.endings import ANY
from genre_models.engine import Engine, Finished, Generation, Piece, chat_prompt
from genre_models.judging import Judge
from genre_models.multilingual import MultilingualEncoder
from genre_models.preferences.signals import digest
from genre_models.preferences.styles import STYLES
from genre_models.safety import Policy, SafetyGate, load_score
from genre_models.taxonomy import Genre
from schemas.adapters import AdapterEvent
from schemas.candidates import CandidateSet
from schemas.errors import ModelError, Rejected
from schemas.generations import ArmTask, GenerationTask
from schemas.keys import key_of
from schemas.parts import Failure, SamplingParameters, Usage
from schemas.progress import Progress
from schemas.requests import Cancel
from streams.settings import Settings

log = logging.getLogger(__name__)

GENERATE_FAILED = Failure(code="generate_failed", message="The texts could not be written.")
PLAIN_INSTRUCTION = "Write what is asked for, and nothing else."
WAITING = 4  # rows admitted for each that can run: whom to serve next is chosen among them
_REMEMBERED_CANCELLATIONS = 10_000
_JUDGES = 8  # requests whose texts are judged at the same time
_HURRY = 10.0  # seconds: a task with less until its deadline gets one draft an arm
_JUDGING = 2.0  # seconds before the deadline: drafts that are not finished then are given up

Draft = tuple[int, int]
"""The index of an arm, and which of its drafts."""


class EngineWriter:
    """Writes the candidates of many requests at a time on one engine.

    `limit` is the number of rows that may be in the engine or wait for it; beyond it, tasks stay in
    Kafka. `drafts` rows are written for a request that does not find the engine's `rows` taken: as
    many drafts of each arm as that makes, the best of them its candidate.
    """

    def __init__(
        self,
        engine: EngineThread,
        judge: TextJudge,
        library: Library,
        *,
        limit: int,
        base: str,
        rows: int = 1,
        drafts: int = 1,
    ) -> None:
        self._engine = engine
        self._judge = judge
        self.library = library
        self._limit = limit
        self._base = base
        self._rows = 0
        self._drafts = drafts
        self._unhurried = max(rows, drafts)
        self._freed = asyncio.Condition()
        # They wait for one encoder, which encodes together what they ask for meanwhile.
        self._judging = ThreadPoolExecutor(_JUDGES, thread_name_prefix="text-judge")
        # Sentences that a client waits for do not queue behind whole texts; the encoder they share.
        self._gating = ThreadPoolExecutor(1, thread_name_prefix="pieces")
        self._cancelled: OrderedDict[str, None] = OrderedDict()
        self._writing: dict[int, tuple[str, tuple[str, ...]]] = {}
        self._tasks = itertools.count()

    def alive(self) -> int:
        """Grows as long as texts are written."""
        return self._engine.steps

    async def room(self, task: GenerationTask) -> int:
        """Wait for room and reserve a task's rows; more than the limit need an empty engine.

        What is returned is how many drafts of each arm they are. What a client can repeat never
        depends on what else is written.
        """
        arms, most = len(task.arms), self._most_drafts(task)
        wanted = arms * (most if task.repeatable else 1)
        self._engine.prefetch([name for name in adapters_of(task) if self.library.holds(name)])
        async with self._freed:
            await self._freed.wait_for(
                lambda: self._rows == 0 or self._rows + wanted <= self._limit
            )
            free = 0 if _left(task) < _HURRY else self._unhurried - self._rows
            drafts = most if task.repeatable else min(most, max(1, free // arms))
            self._rows += arms * drafts
            return drafts

    def _most_drafts(self, task: GenerationTask) -> int:
        """One of what is always the same text, or is the only one and read while it is written."""
        arms = len(task.arms)
        if (task.stream and arms == 1) or _is_greedy(task):
            return 1
        return max(1, self._drafts // arms)

    def cancel(self, _key: str, cancellation: Cancel | None) -> None:
        """Stop a request that is being written, or refuse it when it comes."""
        if cancellation is None:
            return
        identity = f"{key_of(cancellation)}/{cancellation.request_id}"
        self._cancelled[identity] = None
        while len(self._cancelled) > _REMEMBERED_CANCELLATIONS:
            self._cancelled.popitem(last=False)
        for writing, rows in self._writing.values():
            if writing == identity:
                self._engine.cancel(rows)

    def follow(self, key: str, event: AdapterEvent | None) -> None:
        """Take a registry record: the classifier learns its genre, the library fetches files."""
        self._judge.classifiers.apply(key, event)
        self.library.fetch_soon(event)

    async def write(
        self, task: GenerationTask, drafts: int = 1
    ) -> AsyncIterator[Progress | CandidateSet]:
        """Pieces for tasks that stream, then the one CandidateSet: texts, or why there are none.

        Pieces are sentences of the first draft of each arm that the safety gate lets pass.
        """
        begun = time.monotonic()
        identity = f"{key_of(task)}/{task.request_id}"
        # A request may be written twice at the same time: asked again, or delivered again.
        number = next(self._tasks)
        rows: tuple[str, ...] = ()
        ends: dict[Draft, Finished] = {}
        try:
            await self.library.present(adapters_of(task), task.deadline)
            generations = [
                row_of(task, arm, self._genre(task, arm), f"{number}/{identity}", draft)
                for draft in range(drafts)
                for arm in task.arms
            ]
            rows = tuple(row.id for row in generations)
            self._writing[number] = (identity, rows)
            events = self._submit(task, generations, identity)
            async for event in self._events(task, events, ends, rows):
                yield event
            yield await self._finished(task, ends, time.monotonic() - begun)
        except asyncio.CancelledError:
            self._engine.cancel(rows)
            raise
        except Exception as error:
            yield self._failed(task, failure_of(error, GENERATE_FAILED, task.request_id))
        finally:
            self._writing.pop(number, None)
            await self._free(len(task.arms) * drafts)

    def _submit(self, task: GenerationTask, rows: list[Generation], identity: str) -> Events:
        if identity in self._cancelled:
            raise Rejected("cancelled", "The client cancelled the request.")
        if task.deadline <= datetime.now(UTC):
            raise _overdue(task, "passed before writing began")
        return self._engine.submit(rows)

    async def _events(
        self, task: GenerationTask, events: Events, ends: dict[Draft, Finished], rows: Sequence[str]
    ) -> AsyncIterator[Progress]:
        pieces = Pieces(task, self._judge.gate)
        while len(ends) < len(rows):
            is_enough = len({index for index, _ in ends}) == len(task.arms)
            event = await self._next(task, events, rows, is_enough=is_enough)
            index, draft = _place(event.id)
            if isinstance(event, Finished):
                ends[index, draft] = event
                if draft == 0:
                    pieces.end(index)
            elif task.stream and draft == 0:
                pieces.add(index, event.text)
            # when all that one step has written has been taken
            if events.empty() and pieces.are_due(last=len(ends) == len(rows)):
                loop = asyncio.get_running_loop()
                for piece in await loop.run_in_executor(self._gating, pieces.due):
                    yield piece

    async def _next(
        self, task: GenerationTask, events: Events, rows: Sequence[str], *, is_enough: bool
    ) -> Piece | Finished:
        """The next event; where each arm has a draft, others are given up short of the deadline."""
        left = _left(task) - (_JUDGING if is_enough else 0.0)
        try:
            # Without a task for each event, as `wait_for` makes: pieces of a step go out together.
            async with asyncio.timeout(max(left, 0.0)):
                return await events.get()
        except TimeoutError:
            self._engine.cancel(rows)
            if is_enough and _left(task) > 0:
                return await self._next(task, events, rows, is_enough=False)
            raise _overdue(task, "passed while the texts were written") from None

    async def _finished(
        self, task: GenerationTask, ends: dict[Draft, Finished], seconds: float
    ) -> CandidateSet:
        if f"{key_of(task)}/{task.request_id}" in self._cancelled:
            raise Rejected("cancelled", "The client cancelled the request.")
        loop = asyncio.get_running_loop()
        genres = {arm.index: self._genre(task, arm) for arm in task.arms}
        endings = {index: genre.ending for index, genre in genres.items() if genre}
        drafts: defaultdict[int, list[Finished]] = defaultdict(list)
        for (index, _), end in sorted(ends.items(), key=itemgetter(0)):
            drafts[index].append(end)
        candidates = await loop.run_in_executor(
            self._judging, self._judge.candidates, task, drafts, endings
        )
        failures = [candidate.failure for candidate in candidates if candidate.failure is not None]
        usage = Usage(
            tokens_in=sum(end.tokens_in for end in ends.values()),
            tokens_out=sum(end.tokens_out for end in ends.values()),
            seconds=round(seconds, 3),
        )
        return CandidateSet(
            request_id=task.request_id,
            user_id=task.user_id,
            tenant=task.tenant,
            candidates=candidates,
            usage=usage,
            base=self._base,
            failure=failures[0] if len(failures) == len(candidates) else None,
        )

    def _failed(self, task: GenerationTask, failure: Failure) -> CandidateSet:
        return CandidateSet(
            request_id=task.request_id,
            user_id=task.user_id,
            tenant=task.tenant,
            base=self._base,
            failure=failure,
        )

    def _genre(self, task: GenerationTask, arm: ArmTask) -> Genre | None:
        genres = self.library.registry.taxonomy(task.tenant).genres
        return genres.get(arm.genre) if arm.genre else None

    async def _free(self, rows: int) -> None:
        async with self._freed:
            self._rows -= rows
            self._freed.notify_all()


def row_of(
    task: GenerationTask, arm: ArmTask, genre: Genre | None, prefix: str, draft: int = 0
) -> Generation:
    """The engine's row of one draft of an arm of that genre; its id begins with `prefix`."""
    style = STYLES[arm.style].line if arm.style and arm.style in STYLES else ""
    tasks = SamplingParameters(
        max_tokens=task.max_tokens, temperature=task.temperature, top_p=task.top_p
    )
    row = Generation(
        id=f"{prefix}/{arm.index}.{draft}",
        prompt=chat_prompt(
            instruction=genre.instruction if genre else PLAIN_INSTRUCTION,
            request=arm.prompt or task.prompt,
            notes=[line for line in (style, *task.lines) if line],
        ),
        adapter=arm.adapter,
        blend=tuple((part.adapter, part.weight) for part in arm.blend),
        ending=genre.ending if genre else ANY,
        seed=draft_seed(arm.seed, draft),
        user=key_of(task),
        stream=task.stream and draft == 0,
    )
    return row.sampled(arm.sampling or tasks)


def draft_seed(seed: int, draft: int) -> int:
    """Of an arm's seed: the first draft's is the arm's own, so that it is the text of one draft."""
    return digest(f"{seed}/{draft}") >> 1 if draft else seed


def _place(row: str) -> Draft:
    index, _, draft = row.rpartition("/")[2].partition(".")
    return int(index), int(draft)


def _is_greedy(task: GenerationTask) -> bool:
    own = [arm.sampling.temperature if arm.sampling else None for arm in task.arms]
    return not any(task.temperature if each is None else each for each in own)


def _left(task: GenerationTask) -> float:
    """Seconds until its deadline."""
    return (task.deadline - datetime.now(UTC)).total_seconds()


def _overdue(task: GenerationTask, passed: str) -> Rejected:
    failure = expired(task.deadline, passed)
    return Rejected(failure.code, failure.message)


def adapters_of(task: GenerationTask) -> frozenset[str]:
    """Names of every adapter that a task needs."""
    return frozenset(
        name
        for arm in task.arms
        for name in (arm.adapter, *(part.adapter for part in arm.blend))
        if name is not None
    )


def load_writer(settings: Settings, base: BaseSpec, store: AdapterStore) -> EngineWriter:
    """The writer with the real models; takes about three seconds, where the score is fitted.

    Raises ModelError when they are not prepared.
    """
    encoder = SentenceEncoder.load(settings.models / "encoder", threads=settings.model_threads)
    library = Library(Registry(), store, settings.library_list)
    multilingual = MultilingualEncoder(settings.models / "multilingual", settings.model_threads)
    classifiers = load_classifiers(settings, encoder, library.registry, multilingual)
    judge = TextJudge(
        encoder=encoder,
        classifiers=classifiers,
        gate=SafetyGate(load_score(settings.models, encoder), Policy.load(settings.policy_file)),
        judge=Judge.load(),
    )
    engine = EngineThread(load_engine(settings, store))
    return EngineWriter(
        engine,
        judge,
        library,
        limit=settings.rows * WAITING,
        base=base.fingerprint[:12],
        rows=settings.rows,
        drafts=settings.drafts,
    )


def engine_of(settings: Settings) -> tuple[str, str]:
    """(`exact`, `fast` or `openai`, why): what `GENRE_ENGINE` means for the base model here."""
    if settings.engine != "auto":
        return settings.engine, "GENRE_ENGINE says so"

    if device_of(settings.device) != "cpu":
        return "exact", "the integers are for processors"

    from genre_models.engine.fidelity import choose

    fast, why = choose(base_folder(settings))
    return ("fast" if fast else "exact"), why


def load_engine(settings: Settings, store: AdapterStore) -> Engine:
    """The engine that `GENRE_ENGINE` means; only a local one imports transformers."""
    engine, why = engine_of(settings)
    log.info("engine %s: %s", engine, why)
    if engine == "openai":
        from genre_models.engine.remote_engine import RemoteEngine, servers

        # without any, the empty address is told as a bad one
        urls, blends = settings.server_list or ("",), settings.state / "blends"
        replicas = servers(
            urls, settings.server_kind, served_name(settings), settings.server_timeout
        )
        return RemoteEngine(replicas, store, rows=settings.rows, blends=blends)

    from genre_models.engine.local_engine import LocalEngine

    device = device_of(settings.device)
    if engine == "fast" and device != "cpu":
        raise ModelError(
            "no_integers",
            f"expected GENRE_ENGINE to be auto or exact on {device}, got fast: the integers are "
            "for processors",
        )
    return LocalEngine.load(
        base_folder(settings),
        store,
        fast=engine == "fast",
        threads=settings.model_threads,
        device=device,
        rows=settings.rows,
        adapter_bytes=settings.adapter_cache_mb << 20,
        prefix_bytes=settings.prefix_cache_mb << 20,
    )
