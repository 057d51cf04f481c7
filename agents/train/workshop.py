"""Trainings that were asked for: on disk until they have ended, one at a time in a process."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import tempfile
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path

import msgspec

from agents.genres.registry import Registry, announcement
from genre_models.adapters import AdapterName, AdapterStore, BaseSpec
from genre_models.adapters.depot import upload
from genre_models.taxonomy import Taxonomy
from genre_models.training.documents import read_json, write_json
from genre_models.training.order import Order
from genre_models.training.recipe import Recipe
from genre_models.training.texts.store import DEFAULT_TENANT, UNDER_WAY, TextStore
from schemas.adapters import AdapterEvent
from schemas.errors import GenreError
from schemas.progress import Progress
from schemas.training import TrainingEvent
from streams.settings import Settings
from streams.worker.delivery import Publish

log = logging.getLogger(__name__)

ENDS = ("published", "rejected", "failed")
NICE = 10  # a training must never slow down an answer
AGAIN = 200  # texts


@dataclass(slots=True, kw_only=True)
class Workshop:
    """Orders lie in `jobs/` beside the texts; ended ones in `jobs/ended/`, to recognise repeats."""

    settings: Settings
    registry: Registry
    texts: TextStore
    _woken: asyncio.Event = field(default_factory=asyncio.Event)

    def ask(self, event: TrainingEvent, job: str) -> Order | None:
        """Remember an order; None where it was asked for before."""
        file = self._jobs / f"{sha256(job.encode()).hexdigest()}.json"
        if file.exists() or (self._jobs / "ended" / file.name).exists():
            return None
        order = order_of(event, job, self.settings, self.texts)
        place = _place(event.genre, event.tenant)
        counts = self._asked() | {place: self.texts.count(event.genre, event.tenant)}
        write_json(self._counts, counts)
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
            waiting = sorted(
                self._jobs.glob("*.json"), key=lambda file: (file.stat().st_mtime_ns, file.name)
            )
            for file in waiting:
                await self._work(file, publish)
            if not waiting:
                self._woken.clear()
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._woken.wait(), 60)

    async def _work(self, file: Path, publish: Publish) -> None:
        order: Order = read_json(file, Order)
        began, users = time.time() - UNDER_WAY, self.texts.users(order.genre, order.tenant)
        async with aclosing(perform(order)) as steps:
            async for progress in steps:
                if progress.state == "published":
                    progress = await self._announce(progress, users, began, publish)
                await publish(progress)
        self._end(file)

    def _end(self, file: Path) -> None:
        (self._jobs / "ended").mkdir(exist_ok=True)
        file.rename(self._jobs / "ended" / file.name)

    async def _announce(
        self, progress: Progress, users: set[str], began: float, publish: Publish
    ) -> Progress:
        name = progress.adapter or ""
        if self.registry.knows(name) and self.registry.published(name) is None:
            message = (
                f"The same texts made {name}, which was withdrawn; "
                f"`genre adapters publish {name}` brings it back."
            )
            return replace(
                progress, state="rejected", code="withdrawn", adapter=None, message=message
            )
        try:
            if self.registry.published(name) is None:
                await publish(await asyncio.to_thread(self._published, name, users, began))
        except GenreError as error:
            return replace(
                progress, state="failed", code=error.code, adapter=None, message=error.message
            )
        return progress

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
        counts: dict[str, int] = read_json(self._counts, dict[str, int]) or {}
        return counts

    @property
    def _counts(self) -> Path:
        return self.texts.root / "asked.json"

    @property
    def _jobs(self) -> Path:
        return self.texts.root / "jobs"


def _place(genre: str, tenant: str | None) -> str:
    return f"{tenant or DEFAULT_TENANT}/{genre}"


def own_store(settings: Settings) -> AdapterStore:
    """The adapters on this machine."""
    return AdapterStore(settings.adapters, BaseSpec.load(settings.models / "base"))


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
        store=str(settings.adapters.absolute()),
        threads=settings.model_threads,
        recipe=Recipe() if event.epochs is None else Recipe(epochs=event.epochs),
    )


async def perform(order: Order) -> AsyncGenerator[Progress, None]:
    """Train in a process of its own and yield what it tells; the last one says how it ended.

    The process ends when this generator is closed, or this process dies.
    """
    last = order.progress("waiting")
    with tempfile.TemporaryDirectory(prefix="genre-order-") as scratch:
        file = Path(scratch) / "order.json"
        file.write_bytes(msgspec.json.encode(order))
        process = await _start(file)
        try:
            assert process.stdout is not None
            async for line in process.stdout:
                last = msgspec.json.decode(line, type=Progress)
                yield last
            code = await process.wait()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
    if last.state not in ENDS:
        message = f"The training process ended with {code} before it had finished."
        yield order.progress("failed", code="training_failed", message=message)


async def _start(file: Path) -> asyncio.subprocess.Process:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "genre_models.training.job",
        str(file),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        # A session of its own: Ctrl-C reaches this process alone, whose end then ends the training.
        start_new_session=True,
    )
    with suppress(ProcessLookupError):
        os.setpriority(os.PRIO_PROCESS, process.pid, NICE)
    return process
