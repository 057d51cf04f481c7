"""A worker's end at its limit, and its log: no text in it, whatever its libraries choke on."""

from __future__ import annotations

import asyncio
import io
import logging
import subprocess
import sys
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from agents.classify.classify import classify
from agents.classify.quota import Quota
from agents.commands.worker import run
from agents.generate.engine_thread import EngineThread
from agents.genres.registry import Registry
from agents.recommend.learn import learn
from agents.recommend.plan import plan
from agents.recommend.profiles import Profiles
from agents.recommend.rank import rank
from agents.train.train import train
from agents.train.workshop import Workshop
from genre_models.engine import Generation, Prompt
from genre_models.training.texts.store import TextStore
from schemas.requests import GenerationRequest
from schemas.training import TrainingEvent
from streams.logs import DiscreetRecord
from streams.settings import Settings
from tests.agents.classify.test_judge import _judge
from tests.agents.deliveries import delivered, events, stream
from tests.agents.recommend.conftest import classified, desk, reaction, written
from tests.streams.test_logs import SECRET, logged

__all__ = ["logged"]


def choking(*_: Any, **__: Any) -> Any:
    raise ValueError(f"could not parse: {SECRET}")


async def classify_fails(_folder: Path) -> None:
    judge = _judge.__wrapped__()  # type: ignore[attr-defined]
    judge.languages.identify = choking
    asked = GenerationRequest(user_id="ada", prompt=SECRET)
    (known,) = await events(
        classify(stream([delivered(asked, time=4e9)]), judge, (), Quota(10_000))
    )
    assert known.failure.code == "classify_failed"  # type: ignore[attr-defined]


async def recommend_fails(_folder: Path) -> None:
    known = desk()
    await events(plan(stream([delivered(classified())]), known.planner))
    broken = Profiles(ledger=known.ledger, registry=known.registry, prior=choking)
    planner = replace(known.planner, profiles=broken)
    ranker = replace(known.ranker, profiles=broken)
    await events(plan(stream([delivered(classified("r2"), 1)]), planner))
    await events(rank(stream([delivered(written())]), ranker))
    failed = reaction()
    known.ledger.users = type("Rows", (dict,), {"__setitem__": choking})({b"ada": b"corrupt"})
    await events(learn(stream([failed]), known.learner))
    assert isinstance(failed.failure, ValueError)


async def generate_fails(_folder: Path) -> None:
    class Engine:
        idle = False
        submit = step = choking

        def cancel(self, _: str) -> None:
            """Nothing runs."""

    thread = EngineThread(Engine())  # type: ignore[arg-type]
    end = await thread.submit([Generation(id="r1/0", prompt=Prompt(system="", user=SECRET))]).get()
    assert getattr(end, "code", None) == "engine_failed"
    thread.stop()


async def train_fails(folder: Path) -> None:
    settings = Settings(corpora=folder)
    shop = Workshop(settings=settings, registry=Registry(), texts=TextStore(folder))
    shop.texts.add = choking  # type: ignore[method-assign]
    said = delivered(TrainingEvent(kind="text", genre="haiku", text=SECRET))
    await events(train(stream([said]), shop))
    assert isinstance(said.failure, ValueError)
    (folder / "jobs").mkdir()
    (folder / "jobs" / "damaged.json").write_text(f'{{"job": "{SECRET}')
    working = asyncio.create_task(shop.run(lambda _: asyncio.sleep(0)))
    while (folder / "jobs" / "damaged.json").exists():
        await asyncio.sleep(0.01)
    working.cancel()


@pytest.mark.parametrize("fails", [classify_fails, recommend_fails, generate_fails, train_fails])
async def test_the_log_quotes_no_text(
    logged: Callable[[str], io.StringIO],
    fails: Callable[[Path], Awaitable[None]],
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    output = logged("INFO")
    await fails(tmp_path)
    said = output.getvalue() + "".join(capfd.readouterr())
    assert "ValueError at " in said or "DecodeError at " in said
    assert SECRET not in said


@pytest.mark.parametrize(("level", "is_discreet"), [("WARNING", True), ("DEBUG", False)])
def test_a_worker_is_discreet_unless_it_debugs(
    logged: Callable[[str], io.StringIO],
    monkeypatch: pytest.MonkeyPatch,
    level: str,
    is_discreet: bool,
) -> None:
    logged("DEBUG")  # puts back what `run` sets
    monkeypatch.setattr("streams.worker.process.Process", Mock())
    monkeypatch.setattr(logging.getLogger("aiokafka"), "level", logging.NOTSET)
    run(Mock(), level)
    assert (logging.getLogRecordFactory() is DiscreetRecord) is is_discreet


def test_a_gateway_starts_without_what_only_others_need() -> None:
    program = (
        "import sys, agents.commands.worker, agents.gateway.role\n"
        "print(*{'faust', 'river', 'rocksdict', 'scipy'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[3],
    )
    assert done.stdout.split() == []


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
