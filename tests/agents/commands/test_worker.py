"""A worker whose end hangs ends at its limit, whatever it was that ended it."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import asyncio, os, signal
from agents.commands.worker import run
from streams.settings import Settings
from streams.wire.roles import ROLES
from streams.worker.app import RoleApp

class Hanging(RoleApp):
    async def start(self):
        {end}
    async def stop(self):
        await asyncio.Event().wait()

async def app():
    return Hanging(ROLES["train"], Settings(store="memory://", stop_limit=0.3))

run(asyncio.get_event_loop().run_until_complete(app()), "WARNING")
"""


@pytest.mark.parametrize(
    "end", ["os.kill(os.getpid(), signal.SIGTERM)", "raise RuntimeError('crashed')"]
)
def test_a_worker_whose_end_hangs_ends_at_its_limit(end: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(end=end)], capture_output=True, text=True, timeout=60
    )
    assert ended.returncode == 75, ended.stderr
    assert "not stopped after 0.3 seconds" in ended.stderr
