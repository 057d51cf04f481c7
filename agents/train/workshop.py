"""Trainings that were asked for: on disk until they have ended, one at a time in a process.

Whatever is wrong with one order, its file or its process, costs that order alone.
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
import signal
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, suppress
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path

import msgspec

from agents.base_model import base_folder, own_store
from agents.genres.registry import Registry, announcement
from agents.tenants import Tenants
from genre_models.adapters import AdapterName
from genre_models.adapters.depot import upload
from genre_models.taxonomy import Taxonomy
from genre_models.training.documents import read_json, write_json
from genre_models.training.order import Order, failure_code
from genre_models.training.recipe import Recipe
from genre_models.training.texts.store import DEFAULT_TENANT, UNDER_WAY, TextStore
from schemas.adapters import AdapterEvent
from schemas.errors import GenreError, discreet
from schemas.progress import Progress
from schemas.training import TrainingEvent
from streams.settings import Settings
from streams.worker.delivery import Publish

log = logging.getLogger(__name__)

ENDS = ("published", "rejected", "failed")
NICE = 10  # a training must never slow down an answer
AGAIN = 200  # texts
_REMEMBERED = 30 * 86_400.0  # seconds: an order that ended; its event is kept for 7 days
_LONGEST_LINE = 64 * 1024  # bytes of a job's output: a Progress has far fewer
_NAMED = re.compile(r'"(job|genre|tenant)":\s*"([^"\\]{1,255})"')
_GRACE = 1.0  # seconds in which what an ended job has said is read


@dataclass(slots=True, kw_only=True)
class Workshop:
    """Orders lie in `jobs/` beside the texts; ended ones in `jobs/ended/`, to recognise repeats."""

    settings: Settings
    registry: Registry
    texts: TextStore
    tenants: Tenants = field(default_factory=Tenants)
    _woken: asyncio.Event = field(default_factory=asyncio.Event)
    _stuck: set[str] = field(default_factory=set)
    """Names of files that could not be moved."""

    def ask(self, event: TrainingEvent, job: str) -> Order | None:
        """Remember an order; None where it was asked for before."""
        file = self._jobs / f"{sha256(job.encode()).hexdigest()}.json"
        if file.exists() or (self._jobs / "ended" / file.name).exists():
            return None
        order = order_of(event, job, self.settings, self.texts)
        place = _place(event.genre, event.tenant)
        count = self.texts.count(event.genre, event.tenant)
        if count:  # any genre can be asked for, few have texts
            write_json(self._counts, self._asked() | {place: count})
        write_json(file, order)
        self._woken.set()
        return order

    def ask_again(self, genre: str, tenant: str | None) -> Order | None:
        """Order a new version when at least 200 texts have come since the last order."""
        count = self.texts.count(genre, tenant)
        if count - self._asked().get(_place(genre, tenant), 0) < AGAIN:
            return None
        return self.ask(
            TrainingEvent(kind="train", genre=genre, tenant=tenant),
            f"{tenant or DEFAULT_TENANT}.{genre}.{count}",
        )

    async def run(self, publish: Publish) -> None:
        """Train whatever is asked for, oldest first, for ever; begin anew what a kill cut short."""
        while True:
            waiting = self._waiting()
            for file in waiting:
                await self._work(file, publish)
            if not waiting:
                self._forget_ended()
                self._woken.clear()
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._woken.wait(), 60)

    def _waiting(self) -> list[Path]:
        found = []
        for file in self._jobs.glob("*.json"):
            with suppress(FileNotFoundError):  # another worker has ended it
                found.append((file.stat().st_mtime_ns, file.name, file))
        return [file for *_, file in sorted(found) if file.name not in self._stuck]

    async def _work(self, file: Path, publish: Publish) -> None:
        try:
            order: Order | None = read_json(file, Order)
        except Exception as error:
            log.error("the order %s cannot be read and is set aside", file.name, exc_info=error)
            told = _unreadable(file)
            self._move(file, "unreadable")
            if told is not None:
                await publish(told)
            return
        if order is not None:
            async with aclosing(self._steps(order)) as steps:
                async for event in steps:
                    await publish(event)
            self._move(file, "ended")

    async def _steps(self, order: Order) -> AsyncGenerator[Progress | AdapterEvent, None]:
        """What happens with an order, to be published; the last Progress says how it ended."""
        try:
            began = time.time() - UNDER_WAY
            users = await asyncio.to_thread(self.texts.users, order.genre, order.tenant)
            async with aclosing(perform(order, self.settings.training_hours * 3600)) as told:
                async for progress in told:
                    if progress.state == "published":
                        for event in await self._announced(progress, users, began):
                            yield event
                    else:
                        yield progress
        except Exception as error:
            log.error("training %s failed", order.job, exc_info=error)
            yield order.progress("failed", code=failure_code(error), message=discreet(error))

    def _move(self, file: Path, folder: str) -> None:
        try:
            (self._jobs / folder).mkdir(exist_ok=True)
            file.replace(self._jobs / folder / file.name)
        except OSError as error:
            self._stuck.add(file.name)  # else it would be begun again at once, for ever
            log.error("the order %s stays until the next start", file.name, exc_info=error)

    def _forget_ended(self) -> None:
        for file in self._jobs.glob("ended/*.json"):
            with suppress(OSError):
                if file.stat().st_mtime < time.time() - _REMEMBERED:
                    file.unlink()

    async def _announced(
        self, progress: Progress, users: set[str], began: float
    ) -> tuple[Progress | AdapterEvent, ...]:
        name = progress.adapter or ""
        if self.registry.published(name) is not None:
            return (progress,)
        if self.registry.knows(name):
            message = (
                f"The same texts made {name}, which was withdrawn; "
                f"`genre adapters publish {name}` brings it back."
            )
            withdrawn = replace(
                progress, state="rejected", code="withdrawn", adapter=None, message=message
            )
            return (withdrawn,)
        try:
            return (await asyncio.to_thread(self._published, name, users, began), progress)
        except GenreError as error:
            failed = replace(
                progress, state="failed", code=error.code, adapter=None, message=error.message
            )
            return (failed,)

    def _published(self, name: str, users: set[str], began: float) -> AdapterEvent:
        store, adapter = own_store(self.settings), AdapterName.parse(name)
        location = next(iter(self.settings.library_list), None)
        if location is not None:
            upload(store.path(adapter), name, location)
        event = announcement(store.verified(adapter), self.registry, location)
        parent = event.lineage.parent
        inherited = self.registry.newest(parent) if parent else None
        erased = self.texts.attribute(
            name, users, began, parent=parent, least=inherited.erased if inherited else 0
        )
        return replace(event, erased=erased)

    def _asked(self) -> dict[str, int]:
        try:
            counts: dict[str, int] | None = read_json(self._counts, dict[str, int])
        except msgspec.DecodeError as error:
            log.error("%s cannot be read and is begun anew", self._counts, exc_info=error)
            counts = None
        return counts or {}

    @property
    def _counts(self) -> Path:
        return self.texts.root / "asked.json"

    @property
    def _jobs(self) -> Path:
        return self.texts.root / "jobs"


def _place(genre: str, tenant: str | None) -> str:
    return f"{tenant or DEFAULT_TENANT}/{genre}"


def order_of(event: TrainingEvent, job: str, settings: Settings, texts: TextStore) -> Order:
    """What a wish to train means on this machine.

    A genre that comes with GENRE keeps its family and words.
    """
    shipped = Taxonomy.load().genres.get(event.genre)
    families = [sent.family for sent in texts.texts(event.genre, event.tenant) if sent.family]
    newest = families[-1] if families else event.genre
    family = shipped.family if shipped else event.family or newest
    return Order(
        job=job,
        genre=event.genre,
        family=family,
        tenant=event.tenant,
        description=event.description or (shipped.description if shipped else ""),
        instruction=shipped.instruction if shipped else event.instruction or "",
        requests=event.requests or (shipped.requests if shipped else ()),
        licence=event.licence or "not stated",
        texts=str(texts.path(event.genre, event.tenant).absolute()),
        models=str(settings.models.absolute()),
        base=str(base_folder(settings).absolute()),
        store=str(settings.adapters.absolute()),
        threads=settings.model_threads,
        device=settings.device,
        recipe=Recipe() if event.epochs is None else Recipe(epochs=event.epochs),
    )


async def perform(order: Order, within: float) -> AsyncGenerator[Progress, None]:
    """Train in a process of its own and yield what it tells; the last one says how it ended.

    The process and all that it has started end after `within` seconds, when this generator is
    closed, and when this process dies. Its standard error is logged at DEBUG: libraries may quote
    texts there.
    """
    with tempfile.TemporaryDirectory(prefix="genre-order-") as scratch:
        file = Path(scratch) / "order.json"
        file.write_bytes(msgspec.json.encode(order))
        process = await _start(file)
        assert process.stdout is not None and process.stderr is not None
        ending = asyncio.create_task(_end(process, within))
        exited = asyncio.create_task(_exit(process))
        overheard = asyncio.create_task(_overhear(process.stderr, order))
        try:
            async for line in _lines(process.stdout):
                told = _progress_in(line, order)
                if told is not None:
                    yield told
                    if told.state in ENDS:
                        return
            await asyncio.wait({ending, exited}, return_when=asyncio.FIRST_COMPLETED)
            overdue = ending.done() and ending.result()
        finally:
            for task in (ending, exited, overheard):
                task.cancel()
            await asyncio.gather(ending, exited, overheard, return_exceptions=True)
            _kill(process)
            await _exit(process)
    yield _cut_short(order, process.returncode, within if overdue else None)


async def _start(file: Path) -> asyncio.subprocess.Process:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "genre_models.training.job",
        str(file),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        # A session of its own: Ctrl-C reaches this process alone, whose end then ends the training.
        start_new_session=True,
    )
    with suppress(ProcessLookupError):
        os.setpriority(os.PRIO_PROCESS, process.pid, NICE)
    return process


async def _end(process: asyncio.subprocess.Process, within: float) -> bool:
    """End a job when its time is over, or what it has left running: whether its time was over."""
    try:
        await asyncio.wait_for(_exit(process), within)
        await asyncio.sleep(_GRACE)
        return False
    except TimeoutError:
        return True
    finally:
        _kill(process)
        for pipe in filter(None, (process.stdout, process.stderr)):
            pipe.feed_eof()  # should somebody else hold the other end


async def _exit(process: asyncio.subprocess.Process) -> None:
    """Return when a process has ended; its own `wait` also waits for whoever holds its pipes."""
    while process.returncode is None:
        await asyncio.sleep(0.05)


def _kill(process: asyncio.subprocess.Process) -> None:
    """End the whole group: the job may have processes of its own."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


async def _lines(pipe: asyncio.StreamReader) -> AsyncIterator[bytes]:
    """Lines of any length, of which at least the first 64 kB are kept."""
    rest = b""
    while chunk := await pipe.read(_LONGEST_LINE):
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            yield line
        rest = rest[:_LONGEST_LINE]
    if rest:
        yield rest


async def _overhear(pipe: asyncio.StreamReader, order: Order) -> None:
    async for line in _lines(pipe):
        log.debug("training %s: %s", order.job, line.decode("utf-8", "replace"))


def _progress_in(line: bytes, order: Order) -> Progress | None:
    """What a job tells in a line; None for what a library has printed in between."""
    try:
        told = msgspec.json.decode(line, type=Progress)
        if (told.kind, told.job) == ("training", order.job):
            return told
    except Exception:  # msgspec's own errors, of UTF-8, of recursion, ...
        told = None
    log.warning("training %s: a line of %d bytes is no progress: skipped", order.job, len(line))
    return None


def _cut_short(order: Order, code: int | None, within: float | None) -> Progress:
    if within is not None:
        message = (
            f"The training took longer than {within / 3600:g} hours and was ended; "
            "GENRE_TRAINING_HOURS allows more."
        )
        return order.progress("failed", code="training_too_long", message=message)
    if code is not None and code < 0:
        message = f"The training process was ended by {signal.Signals(-code).name}" + (
            "; the machine may have run out of memory." if code == -signal.SIGKILL else "."
        )
        return order.progress("failed", code="training_killed", message=message)
    message = (
        f"The training process ended with {code} before it had finished; "
        "GENRE_LOG_LEVEL=DEBUG logs what it says."
    )
    return order.progress("failed", code="training_failed", message=message)


def refused(event: TrainingEvent, job: str, error: Exception) -> Progress:
    """What is told of an order that could not even be remembered."""
    return Progress(
        kind="training",
        state="failed",
        genre=event.genre,
        tenant=event.tenant,
        job=job,
        step=0,
        steps=0,
        code=failure_code(error),
        message=discreet(error),
    )


def _unreadable(file: Path) -> Progress | None:
    """What is told of an order in a damaged file, where it still says which one it was."""
    with suppress(OSError, msgspec.ValidationError):
        said = dict(_NAMED.findall(file.read_bytes().decode("utf-8", "replace")))
        told = {"kind": "training", "state": "failed", "code": "order_unreadable"}
        message = f"The order's file cannot be read; it lies in jobs/unreadable/{file.name}."
        return msgspec.convert(said | told | {"message": message, "step": 0, "steps": 0}, Progress)
    return None
