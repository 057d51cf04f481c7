"""The broker freezes, restarts, moves, or the network is cut: a worker says so on its health page,
and goes on by itself or ends with code 70 and is started again. Nothing is lost."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from aiokafka import AIOKafkaClient
from aiokafka.client import CoordinationType

from agents import supervisor as supervisors
from agents.supervisor import RoleProcess, Supervisor
from genre_models.training.texts.store import TextStore
from schemas.training import TrainingEvent
from streams.clients.client import Client
from streams.clients.letters import letters
from streams.clients.topic_admin import create
from streams.settings import Settings
from streams.wire.dead_letters import reasons
from streams.wire.topics import BY_NAME
from tests import kafka
from tests.kafka import Cluster

pytestmark = [pytest.mark.kafka, pytest.mark.asyncio(loop_scope="module")]

STANDSTILL = 3.0  # seconds

# A worker whose wall clock jumps to and fro, ten times a second: by more than a standstill, and by
# less than makes the times of records unbelievable. Poison kills it.
JUMPING = """
import os, signal, time
real, begun = time.time, time.monotonic()
time.time = lambda: real() + 50 * (int((time.monotonic() - begun) * 10) % 3 - 1)
from agents.main import main
from genre_models.training.texts.store import TextStore
add = TextStore.add
def killing(self, event, **known):
    if "poison" in event.text:
        os.kill(os.getpid(), signal.SIGKILL)
    return add(self, event, **known)
TextStore.add = killing
main()
"""


class Network:
    """A TCP proxy before a broker; while it is cut, nothing passes and nobody is told."""

    def __init__(self) -> None:
        self.target = 0
        self._whole = asyncio.Event()
        self._writers: set[asyncio.StreamWriter] = set()
        self._whole.set()

    async def start(self) -> int:
        """Listen; the port."""
        self._server = await asyncio.start_server(self._connect, "127.0.0.1", 0)
        return int(self._server.sockets[0].getsockname()[1])

    def cut(self) -> None:
        """From now on, nothing passes."""
        self._whole.clear()

    def mend(self) -> None:
        """New connections pass; those that were cut are dead."""
        for writer in self._writers:
            writer.transport.abort()
        self._whole.set()

    def close(self) -> None:
        """End it."""
        self._server.close()
        self.mend()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        with suppress(OSError):
            await self._whole.wait()
            back, forth = await asyncio.open_connection("127.0.0.1", self.target)
            self._writers.add(forth)
            await asyncio.gather(self._pass(reader, forth), self._pass(back, writer))
        writer.transport.abort()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while piece := await reader.read(65_536):
                await self._whole.wait()
                writer.write(piece)
                await writer.drain()
        writer.transport.abort()


class Worker:
    """A train worker, started again by its supervisor, and what was sent to it."""

    def __init__(self, settings: Settings, supervisor: Supervisor) -> None:
        self.settings = settings
        self.process: RoleProcess = supervisor.workers[0]
        self.endings: list[int] = []
        self._sent = 0

    async def send(self, count: int = 3) -> None:
        """Send texts; return when they are kept."""
        async with Client(self.settings) as client:
            for _ in range(count):
                self._sent += 1
                text = f"This is the text with the number {self._sent}."
                event = TrainingEvent(kind="text", genre="essay", text=text, user_id="ada")
                await client.publish(event)
        async with asyncio.timeout(120):
            while (kept := TextStore(self.settings.corpora).count("essay", None)) != self._sent:
                assert kept < self._sent
                await asyncio.sleep(0.05)

    async def health(self) -> dict[str, Any]:
        """What the health page tells, with its `status`; nothing while the worker is away."""
        try:
            async with aiohttp.ClientSession() as session:
                answer = await session.get(self.process.health)
                return {**await answer.json(), "status": answer.status}
        except (aiohttp.ClientError, OSError):
            return {}

    async def until_it_says(self, reason: str) -> None:
        """Wait until the health page answers 503 with this in its reason."""
        async with asyncio.timeout(30):
            while reason not in ((told := await self.health()).get("reason") or ""):
                await asyncio.sleep(0.05)
        assert told["status"] == 503 and told["ready"] is False

    async def until_it_ends(self) -> int:
        """Wait for the end of the process; its exit code."""
        return await asyncio.to_thread(self.process.process.wait, 30)

    async def until_it_is_well(self) -> None:
        """Wait until the worker, this one or the next, is ready."""
        async with asyncio.timeout(120):
            while (await self.health()).get("status") != 200:
                await asyncio.sleep(0.05)


@asynccontextmanager
async def working(
    address: str, folder: Path, module: str = "agents.main", **changes: Any
) -> AsyncIterator[Worker]:
    """A supervised worker on a Kafka, with limits of seconds."""
    settings = Settings(
        brokers=address,
        partitions=4,
        session_timeout=6.0,
        heartbeat=1.0,
        standstill=STANDSTILL,
        log_level="INFO",
        state=folder / "state",
        corpora=folder / "sent",
    )
    settings = replace(settings, **changes)
    await create(settings)
    async with Supervisor(settings, logs=folder, module=module) as supervisor:
        supervisor.start("train")
        await supervisor.ready()
        supervisor.watch()
        yield Worker(settings, supervisor)


@pytest.fixture(scope="module", name="away")
def _away() -> None:
    if kafka.starter() is None:
        pytest.skip(kafka.NOT_FOUND)


@pytest_asyncio.fixture(scope="module", loop_scope="module", name="network")
async def _network() -> AsyncIterator[Network]:
    network = Network()
    yield network


@pytest_asyncio.fixture(scope="module", loop_scope="module", name="broker")
async def _broker(
    away: None, network: Network, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Cluster]:
    port = await network.start()
    folder = tmp_path_factory.mktemp("standing") / "data"
    listener = f"advertised.listeners=INSIDE://127.0.0.1:{port}"
    with kafka.cluster(folder, "--set", listener) as cluster:
        network.target = int(cluster.address.rpartition(":")[2])
        yield replace(cluster, address=f"127.0.0.1:{port}")
        cluster.signal(signal.SIGCONT)
    network.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module", name="worker")
async def _worker(
    broker: Cluster, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Worker]:
    folder = tmp_path_factory.mktemp("standing")
    (folder / "jumping.py").write_text(JUMPING)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(folder))
        # One worker for all tests: it ends often, and is started again at once.
        patch.setattr(supervisors, "_LONGEST_DELAY", 0.1)
        patch.setattr(supervisors, "_MOST_ENDS", 1_000)
        async with working(broker.address, folder, "jumping") as worker:
            yield worker


async def test_a_worker_tells_how_far_it_is(worker: Worker) -> None:
    await worker.send()
    async with asyncio.timeout(30):
        while True:
            told = (await worker.health())["partitions"]
            if sum(each["committed"] or 0 for each in told.values()) == 3:
                break
            await asyncio.sleep(0.1)
    (busy,) = [each for each in told.values() if each["end"]]
    assert (busy["fetched"], busy["processed"], busy["end"], busy["lag"]) == (3, 3, 3, 0)
    assert all(each["answered_age"] < STANDSTILL for each in told.values())


async def test_a_clock_that_jumps_is_no_reason(worker: Worker) -> None:
    process = worker.process.process
    await asyncio.sleep(STANDSTILL + 0.5)
    assert (await worker.health())["status"] == 200 and worker.process.process is process


async def test_a_broker_that_freezes_for_a_moment(worker: Worker, broker: Cluster) -> None:
    broker.signal(signal.SIGSTOP)
    await worker.until_it_says("nothing is heard of")
    broker.signal(signal.SIGCONT)
    await worker.until_it_is_well()
    await worker.send()


async def test_a_broker_that_freezes_ends_the_worker(worker: Worker, broker: Cluster) -> None:
    broker.signal(signal.SIGSTOP)
    assert await worker.until_it_ends() == 70
    broker.signal(signal.SIGCONT)
    assert "for 3 s; this worker ends" in worker.process.log.read_text()
    await worker.until_it_is_well()
    await worker.send()


async def test_a_network_that_is_cut(worker: Worker, network: Network) -> None:
    network.cut()
    await worker.until_it_says("nothing is heard of")
    network.mend()
    await worker.until_it_is_well()
    await worker.send()


async def test_a_broker_that_is_started_again(worker: Worker, broker: Cluster) -> None:
    await asyncio.to_thread(broker.stop)
    await worker.until_it_says("nothing is heard of")
    await asyncio.to_thread(broker.start)
    await worker.until_it_is_well()
    await worker.send()


@pytest.mark.slow
async def test_an_event_that_kills_its_worker_is_parked(worker: Worker) -> None:
    async with Client(worker.settings) as client:
        event = TrainingEvent(kind="text", genre="essay", text="Some poison.", user_id="ada")
        await client.publish(event)
    await worker.send()
    (letter,) = (await letters(worker.settings, BY_NAME["training"])).every
    why = reasons(letter.headers)
    assert (why["code"], why["attempts"]) == ("poison", "3")
    async with asyncio.timeout(30):
        while "dead_letters" not in (told := await worker.health()):
            await asyncio.sleep(0.05)
    assert told["dead_letters"]["training"] == {"poison": 1}


@pytest.mark.slow
async def test_a_coordinator_and_leaders_that_move(away: None, tmp_path: Path) -> None:
    noticed = (
        "--set",
        "broker.session.timeout.ms=2000",
        "--set",
        "broker.heartbeat.interval.ms=500",
    )
    with kafka.cluster(tmp_path / "data", "--brokers", "3", *noticed) as cluster:
        async with working(cluster.address, tmp_path, replication=3) as worker:
            await worker.send()
            node = await coordinator(worker.settings, worker.settings.topic("train"))
            await asyncio.to_thread(cluster.stop, node)
            await worker.send()
            await worker.until_it_is_well()
            assert await coordinator(worker.settings, worker.settings.topic("train")) != node


async def coordinator(settings: Settings, group: str) -> int:
    """The broker that keeps a group."""
    client = AIOKafkaClient(bootstrap_servers=settings.brokers)
    await client.bootstrap()
    try:
        return int(await client.coordinator_lookup(CoordinationType.GROUP, group))
    finally:
        await client.close()
