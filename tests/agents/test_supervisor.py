"""The supervisor on workers of a few lines: started, waited for, started again, stopped."""

from __future__ import annotations

import asyncio
import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from agents import supervisor as supervisors
from agents.supervisor import Supervisor, until_ready
from schemas.errors import NotReady
from streams.settings import Settings

# Says who it is on its health page; `deaf` hears no SIGTERM, `broken` gives up at once.
WORKER = """
import json, os, signal, sys
from http.server import BaseHTTPRequestHandler, HTTPServer
role = sys.argv[2]
class Page(BaseHTTPRequestHandler):
    def do_GET(self):
        state = {"ready": True, "pid": os.getpid(), "state": os.environ["GENRE_STATE"]}
        self.send_response(200); self.end_headers(); self.wfile.write(json.dumps(state).encode())
    def log_message(self, *_): pass
if role == "broken":
    print("Starting."); sys.exit("no broker at 127.0.0.1:1")
if role == "deaf":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if role == "last":
    def ends_first():
        return open("/proc/self/oom_score_adj").read() == "1000\\n"
    while os.sched_getscheduler(0) != os.SCHED_IDLE or not ends_first():
        pass
    print("last", flush=True); signal.pause()
HTTPServer(("127.0.0.1", int(os.environ["GENRE_HEALTH_PORT"])), Page).serve_forever()
"""


@pytest.fixture(name="supervisor")
def _supervisor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Supervisor:
    (tmp_path / "few_lines.py").write_text(WORKER)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(supervisors, "_DELAY", 0.001)
    settings = Settings(state=tmp_path / "state")
    return Supervisor(settings, logs=tmp_path / "logs", module="few_lines")


async def test_workers_of_one_role_share_nothing_and_end_with_the_supervisor(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    async with supervisor:
        one, other = supervisor.start("plain"), supervisor.start("plain")
        await supervisor.ready(10)
        states = [await until_ready(worker, 10) for worker in (one, other)]
        assert [Path(state["state"]).name for state in states] == ["plain-0", "plain-1"]
        assert [state["pid"] for state in states] == [one.process.pid, other.process.pid]
        assert sorted(path.name for path in (tmp_path / "logs").iterdir()) == [
            "plain-0.log",
            "plain-1.log",
        ]
    assert [worker.process.returncode for worker in (one, other)] == [-15, -15]


async def test_what_runs_beside_waits_for_the_workers_and_ends_with_them(
    supervisor: Supervisor,
) -> None:
    async with supervisor:
        supervisor.start("plain")
        log = supervisor.beside("safety", "last")
        await supervisor.ready(10)
        async with asyncio.timeout(10):
            while not log.read_text():
                await asyncio.sleep(0.01)
        (process,) = supervisor._beside
        assert log.name == "safety-last.log" and process.poll() is None
    assert log.read_text() == "last\n" and process.returncode == -15


async def test_what_fails_in_the_background_is_told(
    supervisor: Supervisor, caplog: pytest.LogCaptureFixture
) -> None:
    async with supervisor:
        supervisor.beside("safety", "broken")
        async with asyncio.timeout(10):
            while "safety broken ended with 1: no broker at" not in caplog.text:
                await asyncio.sleep(0.01)


async def test_a_worker_that_gives_up_is_told_with_its_last_words(supervisor: Supervisor) -> None:
    async with supervisor:
        worker = supervisor.start("broken")
        with pytest.raises(NotReady, match=r"no broker at 127\.0\.0\.1:1") as caught:
            await supervisor.ready(10)
    assert caught.value.code == "worker_failed"
    assert str(worker.log) in caught.value.message


async def test_a_worker_that_dies_is_started_again_in_its_place(supervisor: Supervisor) -> None:
    async with supervisor:
        worker = supervisor.start("plain")
        await supervisor.ready(10)
        supervisor.watch()
        first = worker.process
        os.kill(first.pid, 9)
        while worker.process is first:
            await asyncio.sleep(0.01)
        state = await until_ready(worker, 10)
    assert state["pid"] == worker.process.pid != first.pid
    assert supervisor.workers == [worker]


async def test_a_worker_that_ends_again_and_again_is_given_up_with_its_last_words(
    supervisor: Supervisor, caplog: pytest.LogCaptureFixture
) -> None:
    async with supervisor:
        worker = supervisor.start("broken")
        supervisor.watch()
        with pytest.raises(
            NotReady, match=r"broken ended with 1: no broker at 127\.0\.0\.1:1 "
        ) as told:
            await asyncio.wait_for(supervisor.until_given_up(), 30)
    assert told.value.code == "worker_failed" and "6 times in a row" in told.value.message
    assert str(worker.log) in told.value.message
    starts = worker.log.read_text().count("Starting.")
    again = [record.getMessage() for record in caplog.records if "again" in record.getMessage()]
    assert (starts, len(again)) == (6, 5)
    assert again[0].startswith("broken ended with 1: no broker at 127.0.0.1:1; starting it again")


async def test_a_worker_is_started_later_each_time_until_it_was_well(
    supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    delays: list[float] = []
    lives = iter([0.0] * 3 + [60.0] + [0.0] * 8)
    now = 0.0

    async def sleep(seconds: float) -> None:
        delays.append(seconds)

    async def end(worker: supervisors.RoleProcess) -> None:
        nonlocal now
        now += next(lives)

    monkeypatch.setattr(supervisors, "_DELAY", 1.0)
    monkeypatch.setattr(supervisor, "_until_it_ends", end)
    monkeypatch.setattr(supervisor, "_spawn", lambda *_: _Ended())
    monkeypatch.setattr(asyncio, "sleep", sleep)
    monkeypatch.setattr(supervisors, "_LONGEST_DELAY", 6.0)
    monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: now)
    worker = supervisors.RoleProcess("plain", Settings(), Path(os.devnull), _Ended())  # type: ignore[arg-type]
    with pytest.raises(NotReady, match="it said nothing"):
        await supervisor._watch(worker)
    assert delays == [1.0, 2.0, 4.0, 1.0, 2.0, 4.0, 6.0, 6.0]


async def test_a_worker_that_does_not_answer_is_ended(
    supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisors, "_QUESTION", 0.01)
    monkeypatch.setattr(supervisors, "_ANSWER", 0.1)
    async with supervisor:
        worker = supervisor.start("plain")
        await supervisor.ready(10)
        worker.settings = replace(worker.settings, standstill=0.25)
        os.kill(worker.process.pid, signal.SIGSTOP)
        await asyncio.wait_for(supervisor._until_it_ends(worker), 10)
    assert worker.process.returncode == -9


class _Ended:
    """A process that has ended."""

    returncode = 1


async def test_who_does_not_hear_is_killed_after_a_while(
    supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisors, "_GRACE", 0.1)
    supervisor._settings = replace(supervisor._settings, stop_limit=0.1)
    async with supervisor:
        worker = supervisor.start("deaf")
        await supervisor.ready(10)
    assert worker.process.returncode == -9
