"""One process a role, watched: started, awaited, restarted when dead, stopped without leftovers."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import aiohttp
import orjson

from schemas.errors import NotReady
from streams.clients.embedded_broker import free_port
from streams.settings import Settings

log = logging.getLogger(__name__)

# Seconds beyond the limit that a worker sets itself: one that lives on does not hear.
_GRACE = 5.0
# A worker that ends is started again after a second, two, four, ... at most thirty. One that lived
# for a minute was well: the next delay is the first again. One that ends six times in a row, each
# within a minute of its start, is given up.
_DELAY, _LONGEST_DELAY = 1.0, 30.0
_WELL = 60.0
_MOST_ENDS = 6
# Seconds between two questions to a worker's health page, and for its answer.
_QUESTION, _ANSWER = 5.0, 5.0


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
        self._given_up = asyncio.Event()
        self._beside: list[subprocess.Popen[bytes]] = []
        self.workers: list[RoleProcess] = []

    async def __aenter__(self) -> Supervisor:
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._watching:
            task.cancel()
        await asyncio.gather(*self._watching, return_exceptions=True)
        await stop(
            [*self._beside, *(worker.process for worker in self.workers)],
            within=self._settings.stop_limit + _GRACE,
        )

    def start(self, role: str) -> RoleProcess:
        """Start one more worker of a role."""
        number = sum(worker.role == role for worker in self.workers)
        settings = replace(
            self._settings,
            health_port=free_port(),
            state=self._settings.state / f"{role}-{number}",
        )
        path = self._logs / f"{role}-{number}.log"
        process = self._spawn(("worker", role), settings, path)
        worker = RoleProcess(role=role, settings=settings, log=path, process=process)
        self.workers.append(worker)
        return worker

    def beside(self, *command: str) -> Path:
        """Run a command once, in the background, at the longest until all are stopped; the log of
        what it says. When it fails, that is told.
        """
        path = self._logs / f"{'-'.join(command)}.log"
        process = self._spawn(command, self._settings, path)
        self._beside.append(process)
        _put_last(process.pid)
        self._watching.append(asyncio.create_task(_told(process, " ".join(command), path)))
        return path

    async def ready(self, within: float = 60.0) -> None:
        """Return when every worker is ready.

        Raises NotReady (worker_failed) with the last line of its log.
        """
        await asyncio.gather(*(until_ready(worker, within) for worker in self.workers))

    def watch(self) -> None:
        """From now on, start a worker again when it has died, later each time."""
        for worker in self.workers:
            task = asyncio.create_task(self._watch(worker))
            task.add_done_callback(lambda _: self._given_up.set())
            self._watching.append(task)

    async def until_given_up(self) -> None:
        """Wait until a worker ends again and again. Raises NotReady (worker_failed) then."""
        await self._given_up.wait()
        for task in self._watching:
            if task.done():
                task.result()

    async def _watch(self, worker: RoleProcess) -> None:
        loop, ends = asyncio.get_running_loop(), 0
        while True:
            begun = loop.time()
            await self._until_it_ends(worker)
            ends = ends + 1 if loop.time() - begun < _WELL else 1
            why = f"{worker.role} ended with {worker.process.returncode}: {_last_words(worker.log)}"
            if ends == _MOST_ENDS:
                times = f"{ends} times in a row, each within {_WELL:.0f} s of its start"
                raise NotReady("worker_failed", f"{why} ({times}; {worker.log})")
            delay = min(_DELAY * 2 ** (ends - 1), _LONGEST_DELAY)
            log.warning("%s; starting it again in %.0f s, see %s", why, delay, worker.log)
            await asyncio.sleep(delay)
            worker.process = self._spawn(("worker", worker.role), worker.settings, worker.log)

    async def _until_it_ends(self, worker: RoleProcess) -> None:
        """Wait for the end of a worker; end it when its health page is silent for too long.

        It ends by itself when it stands, unless it stands so that its watchdog stands, too.
        """
        loop, silence = asyncio.get_running_loop(), 2 * worker.settings.standstill
        heard = asked = loop.time()
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(_ANSWER)) as session:
            while worker.process.poll() is None:
                if loop.time() - asked > _QUESTION:
                    answer, asked = await _state(session, worker.health), loop.time()
                    heard = asked if answer else heard
                if asked - heard > silence:
                    log.warning("%s does not answer for %.0f s", worker.role, asked - heard)
                    worker.process.kill()
                await asyncio.sleep(0.25)

    def _spawn(
        self, command: Sequence[str], settings: Settings, path: Path
    ) -> subprocess.Popen[bytes]:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab") as output:
            # A session of its own: Ctrl-C reaches only the supervisor, which stops the workers.
            return subprocess.Popen(
                [sys.executable, "-m", self._module, *command],
                env=os.environ | settings.environment(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )


def _put_last(pid: int) -> None:
    """Let a process run where nobody else wants the processor, also where every session has its
    share (sched(7), autogroup), and end first where memory is short. Its threads inherit it.
    """
    try:
        os.sched_setscheduler(pid, os.SCHED_IDLE, os.sched_param(0))
        for name, value in (("autogroup", "19"), ("oom_score_adj", "1000")):
            Path(f"/proc/{pid}/{name}").write_text(value)
    except OSError as error:
        log.warning("what runs in the background is not put last: %s", error)


async def _told(process: subprocess.Popen[bytes], command: str, path: Path) -> None:
    """Tell when a command has failed."""
    while process.poll() is None:
        await asyncio.sleep(1.0)
    if process.returncode:
        log.warning(
            "%s ended with %s: %s (%s)", command, process.returncode, _last_words(path), path
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
    raise NotReady(
        "worker_failed",
        f"The {worker.role} worker is not ready; {_last_words(worker.log)} ({worker.log})",
    )


def _last_words(path: Path) -> str:
    """The last line of a log."""
    last = path.read_text(errors="replace").strip().splitlines()[-1:]
    return " ".join(last)[-300:] or "it said nothing"


async def _state(session: aiohttp.ClientSession, url: str) -> dict[str, Any]:
    try:
        async with session.get(url) as response:
            return dict(orjson.loads(await response.read()))
    except (aiohttp.ClientError, TimeoutError, orjson.JSONDecodeError):
        return {}


async def stop(processes: list[subprocess.Popen[bytes]], *, within: float) -> None:
    """Ask processes to end, wait for so many seconds, and kill those that do not."""
    for process in processes:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
    deadline = asyncio.get_running_loop().time() + within
    for process in processes:
        while process.poll() is None and asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(0.05)
        if process.poll() is None:
            process.kill()
            process.wait()
