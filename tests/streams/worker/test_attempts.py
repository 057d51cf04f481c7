"""Attempts outlive a kill; after one, events are begun one at a time, but not for ever."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from streams.wire.source import Source
from streams.worker import attempts as worker_attempts
from streams.worker.attempts import Attempts


def source(offset: int, topic: str = "genre.requests") -> Source:
    return Source(topic=topic, partition=0, offset=offset, timestamp=1.0, key=b"k", value=b"v")


@pytest.fixture(name="file")
def _file(tmp_path: Path) -> Path:
    return tmp_path / "train" / "attempts"


async def test_what_was_in_hand_at_a_death_is_known_afterwards(file: Path) -> None:
    for earlier in range(3):
        dying = Attempts(file)
        assert [dying.earlier(source(offset)) for offset in (1, 2)] == [earlier, 0]
        assert await dying.begin(source(1)) == earlier + 1
    after = Attempts(file)
    assert after.earlier(source(1)) == 3 and after.earlier(source(1, "genre.feedback")) == 0
    after.end(source(1))
    assert Attempts(file).earlier(source(1)) == 0


async def test_what_did_not_end_the_worker_is_not_counted(file: Path) -> None:
    attempts = Attempts(file)
    for offset in range(3):
        await attempts.begin(source(offset))
    attempts.forgive([source(0)])
    assert [Attempts(file).earlier(source(offset)) for offset in range(3)] == [0, 1, 1]
    attempts.forgive()
    assert [Attempts(file).earlier(source(offset)) for offset in range(3)] == [0, 0, 0]


async def test_after_a_death_events_are_begun_one_at_a_time(file: Path) -> None:
    dying = Attempts(file)
    for offset in (1, 2):
        await dying.begin(source(offset))
    after = Attempts(file)
    await after.begin(source(1))
    other = asyncio.create_task(after.begin(source(7, "genre.feedback")))
    await asyncio.sleep(0.01)
    assert not other.done()
    # Another death: of those that it might have been, the one in hand is left.
    assert [Attempts(file).earlier(each) for each in (source(1), source(2))] == [2, 1]
    after.end(source(1))
    assert await other == 1
    second = asyncio.create_task(after.begin(source(2)))
    after.end(source(7, "genre.feedback"))
    assert await second == 2
    after.end(source(2))
    # None is suspected any more.
    await after.begin(source(3))
    await after.begin(source(4))


async def test_an_event_that_is_given_up_leaves_its_turn(file: Path) -> None:
    await Attempts(file).begin(source(1))
    after = Attempts(file)
    await after.begin(source(1))
    after.forgive([source(1)])
    assert await after.begin(source(2)) == 1


async def test_nothing_waits_for_its_turn_for_ever(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_attempts, "ALONE", 0.02)
    await Attempts(file).begin(source(1))
    after = Attempts(file)
    await after.begin(source(1))
    assert await asyncio.wait_for(after.begin(source(2)), 5) == 1


async def test_of_too_many_the_oldest_are_forgotten() -> None:
    attempts = Attempts()
    for offset in range(3_000):
        await attempts.begin(source(offset))
    assert (attempts.earlier(source(0)), attempts.earlier(source(2_999))) == (0, 1)
    for offset in range(3_000):
        attempts.end(source(offset))


PROGRAM = """
import asyncio, os, signal, sys
from pathlib import Path
from streams.wire.source import Source
from streams.worker.attempts import Attempts
source = Source(topic="genre.requests", partition=0, offset=1, timestamp=1.0, key=b"", value=b"")
asyncio.run(Attempts(Path(sys.argv[1])).begin(source))
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_kill_leaves_the_attempts(file: Path) -> None:
    assert subprocess.run([sys.executable, "-c", PROGRAM, str(file)]).returncode == -9
    assert Attempts(file).earlier(source(1)) == 1


def test_a_file_that_is_no_such_file_is_no_hindrance(file: Path) -> None:
    file.parent.mkdir()
    file.write_bytes(b"\xff" * 100)
    assert Attempts(file).earlier(source(1)) == 0
