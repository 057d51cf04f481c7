"""One process a role, watched: started, awaited, restarted when dead, stopped without leftovers."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import aiohttp
import orjson

from schemas.errors import NotReady
from streams.clients.embedded_broker import free_port
from streams.settings import Settings

log = logging.getLogger(__name__)

# How long a worker may finish what it writes; to kill it is safe, only slower to recover from.
_GRACE = 15.0
_RESTART_DELAY = 1.0


@dataclass(slots=True)
class RoleProcess:
    """A running worker: its process, its health address and its log."""

    role: str
    settings: Settings
    log: Path
    process: subprocess.Popen[bytes]

    @property
    def health(self) -> str:
        """URL of the health page."""
        return f"http://127.0.0.1:{self.settings.health_port}/health"


class Supervisor:
    """Runs workers of one set of settings; an asynchronous context manager: its exit stops all."""

    def __init__(self, settings: Settings, *, logs: Path, module: str = "agents.main") -> None:
        self._settings = settings
        self._logs = logs
        self._module = module
        self._watching: list[asyncio.Task[None]] = []
        self.workers: list[RoleProcess] = []

    async def __aenter__(self) -> Supervisor:
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._watching:
            task.cancel()
        await stop([worker.process for worker in self.workers])

    def start(self, role: str) -> RoleProcess:
        """Start one more worker of a role."""
        number = sum(worker.role == role for worker in self.workers)
        settings = replace(
            self._settings,
            health_port=free_port(),
            state=self._settings.state / f"{role}-{number}",
        )
        path = self._logs / f"{role}-{number}.log"
        worker = RoleProcess(
            role=role, settings=settings, log=path, process=self._spawn(role, settings, path)
        )
        self.workers.append(worker)
        return worker

    async def ready(self, within: float = 60.0) -> None:
        """Return when every worker is ready.

        Raises NotReady (worker_failed) with the last line of its log.
        """
        await asyncio.gather(*(until_ready(worker, within) for worker in self.workers))

    def watch(self) -> None:
        """From now on, start a worker again when it has died."""
        self._watching = [asyncio.create_task(self._watch(worker)) for worker in self.workers]

    async def _watch(self, worker: RoleProcess) -> None:
        while True:
            if worker.process.poll() is not None:
                log.warning(
                    "%s ended with %s; starting it again, see %s",
                    worker.role,
                    worker.process.returncode,
                    worker.log,
                )
                await asyncio.sleep(_RESTART_DELAY)
                worker.process = self._spawn(worker.role, worker.settings, worker.log)
            await asyncio.sleep(0.25)

    def _spawn(self, role: str, settings: Settings, path: Path) -> subprocess.Popen[bytes]:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab") as output:
            # A session of its own: Ctrl-C reaches only the supervisor, which stops the workers.
            return subprocess.Popen(
                [sys.executable, "-m", self._module, "worker", role],
                env=os.environ | settings.environment(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )


async def until_ready(worker: RoleProcess, within: float) -> dict[str, Any]:
    """Wait until a worker is ready; what its health page says. Raises NotReady (worker_failed)."""
    try:
        async with asyncio.timeout(within), aiohttp.ClientSession() as session:
            while worker.process.poll() is None:
                state = await _state(session, worker.health)
                if state.get("ready"):
                    return state
                await asyncio.sleep(0.05)
    except TimeoutError:
        pass
    last = worker.log.read_text(errors="replace").strip().splitlines()[-1:]
    raise NotReady(
        "worker_failed",
        f"The {worker.role} worker is not ready; "
        f"{' '.join(last) or 'it said nothing'} ({worker.log})",
    )


async def _state(session: aiohttp.ClientSession, url: str) -> dict[str, Any]:
    try:
        async with session.get(url) as response:
            return dict(orjson.loads(await response.read()))
    except aiohttp.ClientError:
        return {}


async def stop(processes: list[subprocess.Popen[bytes]]) -> None:
    """Ask processes to end, wait, and kill those that do not."""
    for process in processes:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
    deadline = asyncio.get_running_loop().time() + _GRACE
    for process in processes:
        while process.poll() is None and asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(0.05)
        if process.poll() is None:
            process.kill()
            process.wait()
