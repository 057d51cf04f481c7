"""Orders: what they mean on this machine, and how each comes to its end."""

from __future__ import annotations

import asyncio
import errno
import os
import sys
import time
from collections.abc import AsyncGenerator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from agents.train import workshop as workshops
from agents.train.workshop import Workshop, order_of, perform
from genre_models.training.order import Order
from schemas.progress import Progress
from tests.agents.train.conftest import TRAIN, handled, replace_texts, text

SECRET = "the-marker-text"


async def test_a_genre_that_comes_with_genre_keeps_its_family_and_words(shop: Workshop) -> None:
    order = order_of(replace(TRAIN, genre="joke", family="verse"), "j", shop.settings, shop.texts)
    assert (order.family, "jokes" in order.instruction) == ("humour", True)
    await handled(shop, text("an old pond", family="verse"))
    assert order_of(TRAIN, "j", shop.settings, shop.texts).family == "verse"
    assert order_of(replace(TRAIN, genre="ode"), "j", shop.settings, shop.texts).family == "ode"


async def ended(shop: Workshop, count: int) -> list[Any]:
    told: list[Any] = []
    done = asyncio.Event()

    async def publish(event: object) -> None:
        told.append(event)
        if sum(getattr(each, "state", None) in workshops.ENDS for each in told) == count:
            done.set()

    working = asyncio.create_task(shop.run(publish))
    await asyncio.wait_for(done.wait(), 30)
    while [file for file in (shop.settings.corpora / "jobs").glob("*.json") if file.exists()]:
        await asyncio.sleep(0.01)
    await stopped(working)
    return told


async def stopped(working: asyncio.Task[None]) -> None:
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)


async def test_a_training_that_cannot_be_done_says_why_and_is_over(shop: Workshop) -> None:
    await handled(shop, text("too little of it"), TRAIN)
    *_, last = await ended(shop, 1)
    assert isinstance(last, Progress)
    assert (last.state, last.code) == ("rejected", "too_few_texts")
    assert "send 99 more" in (last.message or "")
    assert list((shop.settings.corpora / "jobs").glob("*.json")) == []
    assert await handled(replace_texts(shop), TRAIN) == []


async def test_an_order_that_a_kill_cut_short_is_begun_again(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[str] = []

    async def stuck(order: Order, within: float):  # type: ignore[no-untyped-def]
        begun.append(order.job)
        yield order.progress("preparing")
        await asyncio.sleep(60)

    monkeypatch.setattr(workshops, "perform", stuck)
    await handled(shop, TRAIN)
    working = asyncio.create_task(shop.run(lambda _: asyncio.sleep(0)))
    await asyncio.sleep(0.1)
    await stopped(working)
    monkeypatch.undo()
    *_, last = await ended(replace_texts(shop), 1)
    assert begun == ["j1"] and last.job == "j1"


async def test_a_training_process_that_dies_is_told(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.executable", "/bin/false")
    order = order_of(TRAIN, "j", shop.settings, shop.texts)
    (last,) = [progress async for progress in perform(order, 60)]
    assert (last.state, last.code) == ("failed", "training_failed")
    assert msgspec.json.encode(last)


STAND_IN = """
import os, signal, subprocess, sys, time
from pathlib import Path
sys.path[:0] = {path!r}
import msgspec
from genre_models.training.order import Order
order = msgspec.json.decode(Path(sys.argv[-1]).read_bytes(), type=Order)
def told(state, **known):
    sys.stdout.buffer.write(msgspec.json.encode(order.progress(state, **known)) + b"\\n")
    sys.stdout.flush()
told("preparing")
{body}
"""


@pytest.fixture
def scripted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Has a script of these lines run as every job, in place of a training."""

    def script(body: str) -> None:
        file = tmp_path / "job"
        paths = [path for path in sys.path if path]
        file.write_text(f"#!{sys.executable}\n" + STAND_IN.format(path=paths, body=body))
        file.chmod(0o755)
        monkeypatch.setattr("agents.train.workshop.sys.executable", str(file))

    return script


REJECTED = 'told("rejected", code="gate", message="no")'
STRAY = rf"""
out = sys.stdout.buffer
for line in (b"{SECRET}", b"\xff\xfe{SECRET}", b"{SECRET}" * 20_000, b"[" * 100_000, b"", b"7",
             b'{{"kind":"training","job":"other","genre":"haiku","step":0,"steps":0}}',
             b'{{"kind":"piece","text":"{SECRET}"}}'):
    out.write(line + b"\n")
out.flush()
sys.stderr.buffer.write(b"{SECRET}\xff\n" * 3)
{REJECTED}
"""


async def test_what_libraries_print_between_a_jobs_lines_is_skipped_and_not_quoted(
    shop: Workshop, scripted: Callable[[str], None], caplog: pytest.LogCaptureFixture
) -> None:
    scripted(STRAY)
    caplog.set_level("INFO")
    await handled(shop, TRAIN)
    states = [each.state for each in await ended(shop, 1)]
    assert states == ["preparing", "rejected"]
    assert "is no progress: skipped" in caplog.text
    assert SECRET not in caplog.text


UNFINISHED = {
    "silent": ("time.sleep(60)", "training_too_long", "GENRE_TRAINING_HOURS"),
    "mute": ("os.close(1); time.sleep(60)", "training_too_long", "GENRE_TRAINING_HOURS"),
    "out-of-memory": ("os.kill(os.getpid(), signal.SIGKILL)", "training_killed", "memory"),
    "ended": ("os.kill(os.getpid(), signal.SIGTERM)", "training_killed", "SIGTERM"),
    "failed": ("sys.exit(3)", "training_failed", "ended with 3"),
    # A process of its own holds the job's output open.
    "parent": ("subprocess.Popen(['sleep', '60']); sys.exit(4)", "training_failed", "with 4"),
}


async def test_a_job_that_does_not_finish_is_ended_and_told_and_the_next_one_goes_on(
    shop: Workshop, scripted: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workshops, "_GRACE", 0.0)

    def limited(order: Order, within: float) -> AsyncGenerator[Progress, None]:
        assert within == 12 * 3600
        return perform(order, 0.5 if order.job in ("silent", "mute") else 60)

    monkeypatch.setattr(workshops, "perform", limited)
    scripted("\n".join(f"if order.job == {job!r}: {UNFINISHED[job][0]}" for job in UNFINISHED)
             + f"\n{REJECTED}")  # fmt: skip
    await handled(shop, *[replace(TRAIN, job=job) for job in (*UNFINISHED, "next")])
    heard = await ended(shop, len(UNFINISHED) + 1)
    told = {each.job: each for each in heard if each.state in workshops.ENDS}
    assert (told.pop("next").state, len(told)) == ("rejected", len(UNFINISHED))
    for job, (_, code, said) in UNFINISHED.items():
        assert (told[job].state, told[job].code) == ("failed", code)
        assert said in told[job].message


def is_running(file: Path) -> bool:
    """Whether the process whose number a file holds still does something."""
    state = Path(f"/proc/{int(file.read_text())}/stat")
    return state.exists() and state.read_text().rpartition(")")[2].split()[0] != "Z"


async def test_all_processes_of_a_job_end_with_it(
    shop: Workshop, scripted: Callable[[str], None], tmp_path: Path
) -> None:
    child = tmp_path / "child"
    scripted(
        "child = subprocess.Popen(['sleep', '60'])\n"
        f"Path({str(child)!r}).write_text(str(child.pid))\n"
        "told('training'); time.sleep(60)"
    )
    steps = perform(order_of(TRAIN, "j1", shop.settings, shop.texts), 60)
    async for progress in steps:
        if progress.state == "training":
            break
    await steps.aclose()
    for _ in range(100):
        if not is_running(child):
            return
        await asyncio.sleep(0.01)
    raise AssertionError("a process of the job lives on")


DAMAGED = {
    "empty": b"",
    "binary": b"\xff\xfe\x00",
    "deep": b"[" * 100_000,
    "other": b'{"job": 7}',
    "cut": b'{"job":"j-cut","genre":"haiku","texts":"/somew',
    "wrong": b'{"job":"j-wrong","genre":"haiku","tenant":"acme","threads":"many"}',
    "escaping": b'{"job":"j-escaping","genre":"../No Genre"}',
}


async def test_an_order_whose_file_is_damaged_is_set_aside_and_others_go_on(
    shop: Workshop, scripted: Callable[[str], None], caplog: pytest.LogCaptureFixture
) -> None:
    scripted(REJECTED)
    jobs = shop.settings.corpora / "jobs"
    jobs.mkdir(parents=True)
    for name, damage in DAMAGED.items():
        (jobs / f"{name}.json").write_bytes(damage)
    (jobs / "folder.json").mkdir()
    (jobs / "nowhere.json").symlink_to(jobs / "gone")
    await handled(shop, TRAIN)
    heard = await ended(shop, 3)
    failed = {each.job for each in heard if each.code == "order_unreadable"}
    assert failed == {"j-cut", "j-wrong"}
    assert [each.state for each in heard if each.job == "j1"] == ["preparing", "rejected"]
    for name, damage in DAMAGED.items():
        assert (jobs / "unreadable" / f"{name}.json").read_bytes() == damage
        assert f"{name}.json" in caplog.text


async def test_an_order_that_cannot_be_moved_is_not_begun_for_ever(
    shop: Workshop, scripted: Callable[[str], None]
) -> None:
    scripted(REJECTED)
    await handled(shop, TRAIN)
    (shop.settings.corpora / "jobs" / "ended").write_text("no folder")
    told: list[Any] = []

    async def publish(event: object) -> None:
        told.append(event)

    working = asyncio.create_task(shop.run(publish))
    while len(told) < 2:
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.05)
    await stopped(working)
    assert [each.state for each in told] == ["preparing", "rejected"]


async def test_counts_that_cannot_be_read_are_begun_anew(shop: Workshop) -> None:
    await handled(shop, text("an old pond"))
    (shop.settings.corpora / "asked.json").write_bytes(b"\xff")
    (told,) = await handled(shop, TRAIN)
    assert told.state == "waiting"
    assert shop._asked() == {"_/haiku": 1}


async def test_an_order_for_which_the_disk_has_no_room_is_told(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(file: Path, document: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(file))

    monkeypatch.setattr(workshops, "write_json", full)
    (told,) = await handled(shop, TRAIN)
    assert (told.state, told.code, told.job) == ("failed", "disk_full", "j1")
    monkeypatch.undo()
    await handled(shop, TRAIN)
    monkeypatch.setattr(
        "agents.train.workshop.tempfile.TemporaryDirectory", lambda prefix: full(Path(prefix), None)
    )
    (failed,) = await ended(shop, 1)
    assert (failed.state, failed.code) == ("failed", "disk_full")
    assert "No space left" in failed.message


async def test_what_ended_long_ago_is_forgotten(shop: Workshop) -> None:
    folder = shop.settings.corpora / "jobs" / "ended"
    folder.mkdir(parents=True)
    for name, age in (("old", 31), ("new", 1)):
        (folder / f"{name}.json").write_text("{}")
        os.utime(folder / f"{name}.json", (0, time.time() - age * 86_400))
    shop._forget_ended()
    assert [file.stem for file in folder.iterdir()] == ["new"]
