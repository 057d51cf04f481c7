"""Pipelines of real processes with instant stand-ins for the models, on the embedded broker and on
Kafka."""

from __future__ import annotations

import asyncio
import signal
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import pytest_asyncio

from agents.supervisor import RoleProcess, Supervisor, until_ready
from benchmarks.stand_ins import answering
from streams.clients.client import Client
from streams.clients.embedded_broker import embedded_broker
from streams.clients.reader import read
from streams.clients.topic_admin import create
from streams.settings import Settings
from streams.wire.source import Source


@dataclass(slots=True)
class Pipeline:
    """A running installation and a client of it."""

    settings: Settings
    supervisor: Supervisor
    client: Client

    def workers(self, role: str) -> list[RoleProcess]:
        """The workers of a role."""
        return [worker for worker in self.supervisor.workers if worker.role == role]

    async def kill(self, role: str, number: int = signal.SIGKILL) -> None:
        """Send every worker of a role a signal, SIGKILL by default, and wait until it has ended."""
        for worker in self.workers(role):
            worker.process.send_signal(number)
        for worker in self.workers(role):
            await asyncio.to_thread(worker.process.wait, 60)
            self.supervisor.workers.remove(worker)

    async def start(self, role: str, workers: int = 1) -> None:
        """Start workers of a role and wait until they are ready."""
        started = [self.supervisor.start(role) for _ in range(workers)]
        await asyncio.gather(*(until_ready(worker, 90) for worker in started))

    async def records(self, topic: str, *users: str) -> list[Source]:
        """Everything that stands in a topic now; only what has the key of one of `users`, where
        they are named."""
        keys = {user.encode() for user in users}
        found = [record async for record in read(self.settings, self.settings.topic(topic))]
        return [record for record in found if not keys or record.key in keys]

    async def until(
        self, topic: str, count: int, *users: str, within: float = 60.0
    ) -> list[Source]:
        """Wait until a topic holds at least `count` records (of these users); all of them."""
        async with asyncio.timeout(within):
            while len(found := await self.records(topic, *users)) < count:
                await asyncio.sleep(0.1)
        return found


@asynccontextmanager
async def running(
    settings: Settings, logs: Path, workers: int = 1, module: str = "benchmarks.stand_ins"
) -> AsyncIterator[Pipeline]:
    """A pipeline on a broker that runs already."""
    settings = replace(settings, corpora=logs / "sent", adapters=logs / "adapters")
    await create(settings)
    async with (
        Supervisor(settings, logs=logs, module=module) as supervisor,
        Client(settings) as client,
    ):
        pipeline = Pipeline(settings=settings, supervisor=supervisor, client=client)
        await asyncio.gather(*(pipeline.start(role, workers) for role in answering()))
        yield pipeline


@asynccontextmanager
async def on_kafka(address: str, folder: Path, **changes: object) -> AsyncIterator[Settings]:
    """Settings for a fresh prefix on a Kafka with four partitions."""
    settings = Settings(
        brokers=address,
        prefix=f"t{uuid.uuid4().hex[:8]}.",
        partitions=4,
        session_timeout=6.0,
        heartbeat=1.0,
        log_level="INFO",
        state=folder / "state",
    )
    yield replace(settings, **changes)  # type: ignore[arg-type]


@pytest_asyncio.fixture(
    scope="package",
    loop_scope="package",
    params=["embedded", pytest.param("kafka", marks=pytest.mark.kafka)],
)
async def pipeline(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Pipeline]:
    """One worker a role on the embedded broker; two a role and four partitions on Apache Kafka.

    Every test of the package uses it, with users of its own, and leaves it whole.
    """
    folder = tmp_path_factory.mktemp("pipeline")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GENRE_STAND_IN_PAUSE", "0.02")
        if request.param == "embedded":
            async with (
                embedded_broker(Settings(partitions=2, log_level="INFO")) as broker,
                running(broker.settings, folder / "logs") as started,
            ):
                yield started
        else:
            address = request.getfixturevalue("kafka_address")
            async with (
                on_kafka(address, folder) as settings,
                running(settings, folder / "logs", workers=2) as started,
            ):
                yield started
