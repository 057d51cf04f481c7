"""A gateway without Kafka: what is published is noted, and a script says what comes of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from aiokafka.errors import KafkaConnectionError
from prometheus_client import CollectorRegistry

from schemas.adapters import AdapterEvent
from schemas.candidates import Candidate, CandidateSet
from schemas.classified import ClassifiedRequest
from schemas.errors import Rejected
from schemas.generations import ArmTask, GenerationTask
from schemas.preferences import PreferenceProfile
from schemas.progress import Progress
from schemas.recommendations import RankedCandidate, Recommendation
from schemas.requests import GenerationRequest
from streams.clients.client import identified
from streams.gateway.backend import Backend
from streams.gateway.journal import Journal
from streams.gateway.keys import Keys, created
from streams.gateway.learned import Learned
from streams.gateway.server import Gateway
from streams.settings import Settings
from streams.wire.codecs import encode
from streams.wire.source import Source
from streams.wire.topics import BY_EVENT

Script = Callable[[Any], Iterable[Any]]


class Shelf:
    """A catalogue of one genre with two versions of its adapter, the older one withdrawn."""

    def genres(self, tenant: str | None) -> Sequence[dict[str, Any]]:
        """Jokes."""
        return [{"genre": "joke", "family": "humour", "description": "A joke."}]

    def genre(self, genre: str, tenant: str | None) -> dict[str, Any] | None:
        """Jokes alone."""
        return self.genres(tenant)[0] if genre == "joke" else None

    def adapters(self, tenant: str | None) -> Sequence[AdapterEvent]:
        """Two of jokes."""
        newest = AdapterEvent(
            kind="published",
            name="joke@0123456789ab",
            genre="joke",
            family="humour",
            digest="0" * 64,
            base_fingerprint="1" * 64,
            time=datetime(2026, 1, 1, tzinfo=UTC),
        )
        return [newest, replace(newest, name="joke@0000000000aa", kind="withdrawn")]

    def report(self, adapter: AdapterEvent) -> dict[str, Any] | None:
        """Of the newer one."""
        return {"passed": True} if adapter.kind == "published" else None

    def withdrawn(self, adapter: AdapterEvent, reason: str) -> AdapterEvent:
        """As the registry does."""
        return replace(adapter, kind="withdrawn", reason=reason)

    def published(self, adapter: AdapterEvent) -> AdapterEvent:
        """As the registry does."""
        return replace(adapter, kind="published", reason=None)

    def rolled_back(self, genre: str, tenant: str | None, reason: str) -> list[AdapterEvent]:
        """The older one comes back."""
        own = [
            each for each in self.adapters(tenant) if (each.genre, each.tenant) == (genre, tenant)
        ]
        if len(own) < 2:
            raise Rejected("no_version_before", "Expected two versions, got fewer.")
        return [self.published(own[1]), self.withdrawn(own[0], reason)]

    async def compared(self, adapters: Sequence[str]) -> list[dict[str, Any]]:
        """Nobody has said anything."""
        return [{"name": name, "liked": 0, "disliked": 0} for name in adapters]

    def texts(self, file: Path) -> list[tuple[str, str | None, str | None]]:
        """The lines of a file."""
        return [(line, None, None) for line in file.read_text().splitlines()]

    def exported(self, profile: PreferenceProfile) -> dict[str, Any]:
        """The row's length."""
        return {"user_id": profile.user_id, "row": len(profile.row)}


@dataclass
class Kafka:
    """In the place of the client: notes what is published."""

    journal: Journal
    script: Script = lambda _: ()
    events: list[Any] = field(default_factory=list)
    away: bool = False
    offsets: Iterator[int] = field(default_factory=count)

    async def put(self, event: Any) -> tuple[Any, tuple[int, int]]:
        """As the client does."""
        if self.away:
            raise KafkaConnectionError("nobody answers")
        event = identified(event)
        self.events.append(event)
        for made in self.script(event):
            self.journal.notice(*record_of(made, next(self.offsets)))
        return event, (0, len(self.events) - 1)


@dataclass
class Door:
    """A client of a gateway, and what is behind it."""

    http: TestClient[Any, Any]
    kafka: Kafka
    backend: Backend


def record_of(event: Any, offset: int = 0) -> tuple[str, Source]:
    """The record of an event, and its topic."""
    topic = BY_EVENT[type(event)]
    source = Source(
        topic=f"genre.{topic.name}",
        partition=0,
        offset=offset,
        timestamp=0.0,
        key=topic.key(event).encode(),
        value=encode(event),
        headers=(("ce_correlationid", event.request_id.encode()),),
    )
    return topic.name, source


def answer(
    asked: GenerationRequest, texts: Sequence[str] = ("One.", "Two."), **fields: Any
) -> Recommendation:
    """The recommendation of these texts, the last arm best."""
    candidates = [
        RankedCandidate(
            candidate_id=f"{asked.request_id}/{index}",
            text=text,
            genre="joke",
            score=0.5,
            propensity=0.5,
            finish="stop",
        )
        for index, text in reversed(list(enumerate(texts)))
    ]
    given: dict[str, Any] = {"status": "ok", "candidates": tuple(candidates)}
    return Recommendation(
        request_id=asked.request_id or "",
        user_id=asked.user_id,
        tenant=asked.tenant,
        **given | fields,
    )


def whole(asked: Any) -> Iterable[Any]:
    """All that comes of a request of two candidates."""
    if not isinstance(asked, GenerationRequest):
        return []
    its: dict[str, Any] = {
        "request_id": asked.request_id,
        "user_id": asked.user_id,
        "tenant": asked.tenant,
    }
    now, arms = datetime.now(UTC), range(2)
    return [
        ClassifiedRequest(**its, request=asked, received=now, deadline=now),
        GenerationTask(
            **its,
            prompt=asked.prompt or "",
            arms=tuple(ArmTask(index=index, genre="joke", seed=7) for index in arms),
            max_tokens=9,
            temperature=1.0,
            top_p=1.0,
            deadline=now,
        ),
        *(Progress(kind="piece", **its, index=n, sequence=0, text=f"Piece {n}.") for n in arms),
        CandidateSet(
            **its, candidates=tuple(Candidate(index=n, text="It.", finish="stop") for n in arms)
        ),
        answer(asked),
    ]


@pytest.fixture
def keys_file(tmp_path: Path) -> Path:
    """Where a file of keys may be written."""
    return tmp_path / "keys.toml"


def key(file: Path, name: str, more: str = "") -> dict[str, str]:
    """Add a key to a file; the header that shows it."""
    secret, salt, digest = created(name)
    with file.open("a") as written:
        written.write(f'[{name}]\nsalt = "{salt}"\ndigest = "{digest}"\n{more}\n')
    return {"Authorization": f"Bearer {secret}"}


@pytest.fixture
def settings(keys_file: Path) -> Settings:
    """With keys where the test has written some."""
    file = str(keys_file) if keys_file.exists() else ""
    return Settings(partitions=1, gateway_keys=file, gateway_streams=3)


@pytest.fixture
def backend(settings: Settings) -> Backend:
    """What is behind a gateway that answers every request."""
    journal = Journal(settings)
    return Backend(
        settings=settings,
        client=Kafka(journal, whole),  # type: ignore[arg-type]
        journal=journal,
        keys=Keys(settings.gateway_keys),
        catalogue=Shelf(),
        learned=Learned(settings),
    )


@pytest.fixture
def application(settings: Settings, backend: Backend) -> web.Application:
    """The gateway's paths and middlewares."""
    gateway = Gateway(settings, Shelf(), lambda *_: None)
    return gateway._application(backend, CollectorRegistry())


@pytest.fixture
async def door(application: web.Application, backend: Backend) -> AsyncIterator[Door]:
    """A gateway that answers every request."""
    server = TestServer(application, host="127.0.0.1")
    async with TestClient(server) as http:
        yield Door(http, backend.client, backend)  # type: ignore[arg-type]
