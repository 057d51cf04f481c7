"""Giving up: the reason and its traceback reach the log, the exit code is 70, nothing else runs.

A process that was asked to stop ends within its limit, and at once when it is asked again; one that
was paused for too long does nothing more.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import time

import pytest

PROGRAM = """
import logging, logging.handlers, sys
from streams.ending import give_up

# Holds back what it is told until it is flushed.
handler = logging.handlers.MemoryHandler(100, target=logging.StreamHandler(sys.stderr))
logging.basicConfig(handlers=[handler])
handler.flushLevel = logging.CRITICAL + 1
try:
    1 / 0
except ZeroDivisionError as error:
    give_up("users: cannot go on", error)
finally:
    print("cleaned up")
"""


def test_a_process_says_why_and_is_gone_before_anything_else_runs() -> None:
    ended = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True)
    assert (ended.returncode, ended.stdout) == (70, "")
    assert "users: cannot go on" in ended.stderr and "ZeroDivisionError" in ended.stderr


STOPPING = """
import os, signal, threading, time
from streams.ending import Limit

limit = Limit({seconds})
limit.listen()
os.kill(os.getpid(), signal.{name})
limit.begin()
{then}
while True:  # an event loop that hangs
    time.sleep(0.01)
"""


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
def test_what_was_asked_to_stop_ends_at_the_limit(name: str) -> None:
    program = STOPPING.format(seconds=0.3, name=name, then="")
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert ended.returncode == 75
    assert ended.stderr.count("not stopped after 0.3 seconds") == 1


def test_the_second_signal_ends_a_process_at_once() -> None:
    program = STOPPING.format(
        seconds=60, name="SIGTERM", then="os.kill(os.getpid(), signal.SIGINT)"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=30)
    assert ended.returncode == 128 + signal.SIGINT


def test_what_ends_before_the_limit_ends_as_it_would_have() -> None:
    program = STOPPING.format(seconds=60, name="SIGTERM", then="raise SystemExit(3)")
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=30)
    assert ended.returncode == 3


PAUSED = """
import asyncio, sys
from streams.ending import Pause

async def main():
    watching = asyncio.create_task(Pause(0.4).watch())
    while True:
        await asyncio.sleep(0.01)
        print("on", flush=True)

asyncio.run(main())
"""


@pytest.mark.parametrize(("pause", "code"), [(0.0, -signal.SIGKILL), (0.8, 70)])
def test_what_was_paused_for_too_long_ends_and_what_was_not_goes_on(
    pause: float, code: int
) -> None:
    with subprocess.Popen([sys.executable, "-c", PAUSED], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(signal.SIGSTOP)
        time.sleep(pause)
        process.send_signal(signal.SIGCONT)
        try:
            process.wait(1)
        except subprocess.TimeoutExpired:
            process.kill()
    assert process.returncode == code
