"""The adapters of a generate worker: fetched when announced, waited for when a task is quicker."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime

from agents.genres.registry import Registry
from genre_models.adapters import AdapterName, AdapterStore
from genre_models.adapters.depot import download
from schemas.adapters import AdapterEvent
from schemas.errors import ModelError

log = logging.getLogger(__name__)

# A task may name an adapter that its planner heard of first: polls are at most 0.5 s apart.
WAIT = 5.0
_POLL = 0.05
# Seconds after a fetch that failed before the next one: doubled each time, up to the longest.
FIRST_REST, LONGEST_REST = 0.25, 30.0


class Library:
    """`store` on this machine, filled from `places`, the only fsspec URLs that are read."""

    def __init__(
        self, registry: Registry, store: AdapterStore, places: tuple[str, ...] = ()
    ) -> None:
        self.registry = registry
        self._store = store
        self._places = places
        self._fetching: dict[str, Future[None]] = {}
        self._failures: dict[str, tuple[int, float]] = {}
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="library")

    def fetch_soon(self, event: AdapterEvent | None) -> None:
        """Begin to fetch an adapter of this base that was announced with a location.

        Unless it is here.
        """
        if (
            event is None
            or event.kind != "published"
            or self._never_comes(event)
            or self.holds(event.name)
        ):
            return
        running = self._fetching.get(event.name)
        _, rests_until = self._failures.get(event.name, (0, 0.0))
        if (running is None or running.done()) and time.monotonic() >= rests_until:
            self._fetching[event.name] = self._thread.submit(self._fetch, event)

    async def present(self, names: Iterable[str], deadline: datetime) -> None:
        """Return when the adapters are here, or when that has lasted too long.

        The engine then says what is missing.
        """
        left = (deadline - datetime.now(UTC)).total_seconds()
        until = asyncio.get_running_loop().time() + min(WAIT, max(left, 0.0))
        for name in names:
            while not self.holds(name) and asyncio.get_running_loop().time() < until:
                event = self.registry.published(name)
                if event is not None and self._never_comes(event):
                    break
                self.fetch_soon(event)
                await asyncio.sleep(_POLL)

    def _never_comes(self, event: AdapterEvent) -> bool:
        """It lies in the store of another worker alone, or is of another base model."""
        return event.location is None or event.base_fingerprint != self._store.base.fingerprint

    def holds(self, name: str) -> bool:
        """Whether an adapter lies in the worker's own store."""
        return (self._store.root / str(AdapterName.parse(name))).is_dir()

    def _fetch(self, event: AdapterEvent) -> None:
        try:
            download(event.location or "", self._places, event.name, event.digest, self._store)
            self._failures.pop(event.name, None)
        except ModelError as error:
            times = self._failures.get(event.name, (0, 0.0))[0] + 1
            rest = min(FIRST_REST * 2 ** (times - 1), LONGEST_REST)
            self._failures[event.name] = times, time.monotonic() + rest
            log.warning("%s cannot be fetched: %s: %s", event.name, error.code, error)
