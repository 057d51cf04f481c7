"""What every handler needs: Kafka, the journal, the keys, and who may wait for how long."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar

from aiohttp import web

from schemas.adapters import AdapterEvent
from schemas.preferences import PreferenceProfile
from schemas.requests import Cancel
from streams.clients.client import Client
from streams.clients.kafka import FAILURES
from streams.clients.letterbox import Letterbox
from streams.gateway.journal import Asked, Journal
from streams.gateway.keys import Caller, Keys
from streams.gateway.learned import Learned
from streams.gateway.meter import Meter
from streams.gateway.problems import Refusal, away
from streams.gateway.traffic import Traffic
from streams.settings import Settings

E = TypeVar("E")

log = logging.getLogger(__name__)

_PUBLISH = 10.0  # seconds that Kafka may take over an event
_LOOKUPS = 8  # readers of the log at the same time


class Catalogue(Protocol):
    """What is known of genres, adapters, users and files above the streams."""

    def genres(self, tenant: str | None) -> Sequence[Mapping[str, Any]]:
        """The genres that a tenant can ask for, with their families and descriptions."""

    def genre(self, genre: str, tenant: str | None) -> Mapping[str, Any] | None:
        """All that is known of a genre; None where a tenant cannot ask for it."""

    def adapters(self, tenant: str | None) -> Sequence[AdapterEvent]:
        """The newest record of each adapter that a tenant sees."""

    def report(self, adapter: AdapterEvent) -> Mapping[str, Any] | None:
        """The gate's report on an adapter, where it lies on this machine. Reads a file."""

    def withdrawn(self, adapter: AdapterEvent, reason: str) -> AdapterEvent:
        """The event after which no new request uses an adapter."""

    def published(self, adapter: AdapterEvent) -> AdapterEvent:
        """The event after which an adapter is used again."""

    def rolled_back(self, genre: str, tenant: str | None, reason: str) -> Sequence[AdapterEvent]:
        """The events that take a genre's newest version of a tenant away. Raises Rejected."""

    async def compared(self, adapters: Sequence[str]) -> Sequence[Mapping[str, Any]]:
        """What people said of the texts of each adapter, and which lose. Reads two topics."""

    def texts(self, file: Path) -> Iterable[tuple[str, str | None, str | None]]:
        """The texts of a file, each with what it answers and its document. Raises Rejected."""

    def exported(self, profile: PreferenceProfile) -> Mapping[str, Any]:
        """Everything that is remembered of a user."""


@dataclass(slots=True, kw_only=True)
class Backend:
    """Everything behind the handlers; `stopping` once the gateway ends."""

    settings: Settings
    client: Client
    journal: Journal
    keys: Keys
    catalogue: Catalogue
    learned: Learned
    lookups: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_LOOKUPS))
    open: int = 0
    """Requests that wait or stream now."""
    stopping: bool = False
    letterbox: Letterbox = field(init=False)
    traffic: Traffic = field(init=False)
    _leaving: set[asyncio.Task[None]] = field(default_factory=set)

    def __post_init__(self) -> None:
        meter = Meter()
        self.journal.observers.append(meter.notice)
        self.letterbox, self.traffic = Letterbox(self.settings), Traffic(self.settings, meter)

    async def publish(self, event: E) -> tuple[E, tuple[int, int]]:
        """Publish an event; returns it with its id, and partition and offset.

        Raises Refusal 503 when Kafka does not take it.
        """
        try:
            async with asyncio.timeout(_PUBLISH):
                return await self.client.put(event)
        except (*FAILURES, TimeoutError) as error:
            log.warning("an event was not taken: %s", error)
            raise away() from error

    @contextmanager
    def slot(self, caller: Caller) -> Iterator[None]:
        """One of the requests that may wait or stream. Raises Refusal 429 where there is none."""
        most = caller.key.streams if caller.key is not None else self.settings.gateway_streams
        if self.open >= self.settings.gateway_streams or caller.open >= most:
            raise Refusal(
                429,
                "too_many_streams",
                "Expected fewer requests that wait at the same time; ask again later.",
                {"Retry-After": "5"},
            )
        self.open, caller.open = self.open + 1, caller.open + 1
        try:
            yield
        finally:
            self.open, caller.open = self.open - 1, caller.open - 1

    @contextmanager
    def wanted(self, asked: Asked, grace: float = 0.0) -> Iterator[None]:
        """Cancel the request when its client leaves, and is not back after `grace` seconds."""
        try:
            yield
        except (asyncio.CancelledError, OSError, TimeoutError):
            # A gateway that ends takes nobody's answer away: it can be read by its id.
            if not self.stopping:
                task = asyncio.create_task(self._cancel(asked, grace))
                self._leaving.add(task)
                task.add_done_callback(self._leaving.discard)
            raise

    async def _cancel(self, asked: Asked, grace: float) -> None:
        await asyncio.sleep(grace)
        if self.stopping or self.journal.is_watched(asked):
            return
        try:
            await self.publish(
                Cancel(request_id=asked.request_id, user_id=asked.user_id, tenant=asked.tenant)
            )
        except Refusal as error:
            log.warning("a request is not cancelled: %s", error)


BACKEND: web.AppKey[Backend] = web.AppKey("backend", Backend)
CALLER: web.RequestKey[Caller] = web.RequestKey("caller", Caller)


def backend_of(request: web.Request) -> Backend:
    """The backend behind a request."""
    return request.app[BACKEND]


def caller_of(request: web.Request) -> Caller:
    """Who sends a request."""
    return request[CALLER]
