"""One reading an event: a case has what is remembered, and a reaction passes through few files."""

from __future__ import annotations

import asyncio
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from agents.recommend.decision_row import DecisionRow
from agents.recommend.learn import learn
from agents.recommend.ledger import MARKS, Case, Ledger
from agents.recommend.plan import plan
from agents.recommend.rank import rank
from genre_models.preferences.learner import learn_one
from genre_models.preferences.row import UserRow
from genre_models.preferences.signals import Kind
from schemas.feedback import Feedback
from schemas.generations import GenerationTask
from streams.wire.partitions import is_misplaced
from streams.wire.source import Source
from streams.wire.topics import BY_EVENT
from streams.worker.delivery import Delivery, opened
from tests.agents.deliveries import delivered, outputs, stream
from tests.agents.recommend.conftest import Desk, classified, learned, reaction, shown, written
from tests.genre_models.preferences.reactions import random_shown, signal

ROOT = Path(__file__).parents[3]
USER, TENANT = "ada-the-user", "acme"
KEY = f"{TENANT}/{USER}"
LIKE = Feedback(
    user_id=USER, tenant=TENANT, kind="like", request_id="r1", candidate_id="r1/0", feedback_id="f"
)


async def answered(desk: Desk) -> None:
    """One request of the user has its answer."""
    request = delivered(classified("r1", USER, tenant=TENANT))
    await outputs(plan(stream([request]), desk.planner))
    await outputs(rank(stream([delivered(written("r1", USER, tenant=TENANT))]), desk.ranker))


@pytest.fixture(name="unpacked")
def _unpacked(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often rows are unpacked."""
    counts: Counter[str] = Counter()
    for kind in (UserRow, DecisionRow):
        monkeypatch.setattr(kind, "unpack", classmethod(counting(counts, kind)))
    return counts


def counting(counts: Counter[str], kind: Any) -> Any:
    unpack = kind.unpack.__func__

    def counted(cls: Any, data: bytes) -> Any:
        counts[cls.__name__] += 1
        return unpack(cls, data)

    return counted


async def test_rank_and_learn_unpack_a_row_once(desk: Desk, unpacked: Counter[str]) -> None:
    request = delivered(classified("r1", USER, tenant=TENANT))
    await outputs(plan(stream([request]), desk.planner))
    unpacked.clear()
    await outputs(rank(stream([delivered(written("r1", USER, tenant=TENANT))]), desk.ranker))
    assert unpacked == {"UserRow": 1, "DecisionRow": 1}
    unpacked.clear()
    await outputs(learn(stream([delivered(LIKE)]), desk.learner))
    assert unpacked == {"UserRow": 1, "DecisionRow": 1}


@contextmanager
def watching(found: dict[str, set[str]]) -> Iterator[None]:
    """Note every file of ours, with its functions, that holds the user's key or row meanwhile."""

    def note(frame: FrameType, event: str, result: Any) -> None:
        file = Path(frame.f_code.co_filename)
        if not file.is_relative_to(ROOT) or file.is_relative_to(ROOT / "tests"):
            return
        held = [*frame.f_locals.values(), *([result] if event == "return" else [])]
        if any(isinstance(each, UserRow) or each in (KEY, KEY.encode()) for each in flat(held)):
            found.setdefault(file.relative_to(ROOT).as_posix(), set()).add(frame.f_code.co_name)

    sys.setprofile(note)
    try:
        yield
    finally:
        sys.setprofile(None)


def flat(values: list[Any]) -> list[Any]:
    """The values that can be compared: arrays cannot."""
    return [each for each in values if isinstance(each, UserRow | str | bytes)]


async def test_a_reaction_passes_through_few_files(desk: Desk) -> None:
    await answered(desk)
    desk.ledger.changed = {}
    source = delivered(LIKE).source

    async def received() -> AsyncIterator[Delivery[Feedback]]:
        delivery = opened(source, BY_EVENT[Feedback])
        assert not is_misplaced(delivery.event, source, BY_EVENT[Feedback], 1)
        yield delivery
        assert delivery.failure is None

    found: dict[str, set[str]] = {}
    with watching(found):
        await outputs(learn(received(), desk.learner))
    # Before there were cases, the same watch found ten.
    assert found.keys() <= {
        "schemas/keys.py",
        "streams/wire/partitions.py",
        "agents/recommend/ledger.py",
        "genre_models/preferences/learner.py",
        "genre_models/preferences/row.py",
    }, found


@pytest.mark.parametrize("prefix", ["genre.", "", "acme-", "feedback.users."])
def test_a_mark_names_the_topic_whatever_its_prefix(prefix: str) -> None:
    ledger = Ledger(users={}, decisions={}, incarnation=7)
    for name, place in MARKS.items():
        source = Source(
            topic=prefix + name, partition=0, offset=3, timestamp=0.0, key=None, value=None
        )
        assert ledger.mark(source) == (place, 3, 7)


def test_a_corrupt_row_is_set_aside_and_begun_anew() -> None:
    ledger = Ledger(users={b"ada": b"garbage"}, decisions={}, incarnation=1)
    assert ledger.user("ada").reactions == 0
    assert ledger.counts["corrupt_row"] == 1
    assert ledger.users[b"\x00corrupt/ada"] == b"garbage"


async def test_a_row_of_another_recipe_is_begun_anew_and_counted(desk: Desk) -> None:
    await shown(desk)
    row = bytearray((await learned(desk, reaction())).pack())
    row[2:4] = (999).to_bytes(2, "little")
    import zlib

    row[-4:] = zlib.crc32(row[:-4]).to_bytes(4, "little")
    desk.ledger.users[b"ada"] = bytes(row)
    assert isinstance(desk.ledger.user("ada"), UserRow)
    assert not desk.ledger.user("ada").sums.any()
    await learned(desk, reaction(index=1, offset=1))
    assert desk.ledger.counts["outdated_row"] == 1


async def test_recovery_finds_the_open_requests_again(desk: Desk) -> None:
    await outputs(plan(stream([delivered(classified())]), desk.planner))
    known = dict(desk.ledger.waiting)
    desk.ledger.waiting.clear()
    await desk.ledger.recount([0])
    assert desk.ledger.waiting == known


def at(offset: int, partition: int = 0) -> Source:
    return replace(delivered(LIKE, offset).source, partition=partition)


def marked(desk: Desk, offset: int) -> None:
    """The user's row says that the record at this offset of `feedback` was applied."""
    row = UserRow().marked(*desk.ledger.mark(at(offset)))
    desk.ledger.users[KEY.encode()] = row.pack()


def case(desk: Desk, source: Source) -> Case:
    return desk.ledger.case(opened(source, BY_EVENT[Feedback]))


def test_a_mark_above_the_end_of_its_partition_is_dropped_logged_once_and_counted(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    marked(desk, 10_000_000)
    assert case(desk, at(3)).is_applied, "where nobody knows the end"
    desk.ledger.assign({("genre.feedback", 0): 5})
    assert not case(desk, at(3)).is_applied and not case(desk, at(4)).is_applied
    assert desk.ledger.counts["mark_above_end"] == 2
    assert caplog.text.count("marks lie above its end") == 1
    case(desk, at(3)).keep()
    assert case(desk, at(3)).is_applied and not case(desk, at(4)).is_applied
    assert desk.ledger.counts["mark_above_end"] == 3


def test_a_mark_up_to_the_end_holds_and_what_came_later_is_new(desk: Desk) -> None:
    marked(desk, 4)
    desk.ledger.assign({("genre.feedback", 0): 5})
    assert case(desk, at(4)).is_applied
    for offset in (5, 6, 7):
        assert not case(desk, at(offset)).is_applied
        case(desk, at(offset)).keep()
    desk.ledger.assign({("genre.feedback", 0): 8})
    assert case(desk, at(7)).is_applied and not desk.ledger.counts


async def test_requests_of_a_topic_that_was_made_again_are_answered(desk: Desk) -> None:
    row = UserRow().marked(*desk.ledger.mark(delivered(classified()).source))
    desk.ledger.users[b"ada"] = row.marked(0, 10_000_000, desk.ledger.incarnation).pack()
    desk.ledger.assign({("genre.classified", 0): 2})
    (task,) = await outputs(plan(stream([delivered(classified(), 1)]), desk.planner))
    assert isinstance(task.event, GenerationTask)


async def test_a_user_whom_a_clock_ahead_has_taught_is_served_and_learns_on(desk: Desk) -> None:
    ahead = replace(signal(1, Kind.LIKE, 1, 0), time=2**32 - 1)
    row = learn_one(UserRow(), ahead, random_shown(1), 2.0**32).row
    desk.ledger.users[b"ada"] = replace(row, consent=True).pack()
    (task,) = await outputs(plan(stream([delivered(classified())]), desk.planner))
    assert isinstance(task.event, GenerationTask)
    await outputs(rank(stream([delivered(written())]), desk.ranker))
    before = desk.ledger.user("ada").moments(time.time())[-1]
    row = await learned(desk, reaction(offset=1))
    assert row.moments(time.time())[-1] > before + 0.4 and row.consent
    assert row.last < time.time() + 31 * 86_400
    assert desk.ledger.counts["row_ahead"] >= 1
    assert desk.profiles.profile("ada").reactions == 2


async def test_of_two_recoveries_the_later_one_finds_the_open_requests(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.worker.tables._SLICE", 0.0)
    for number in range(5):
        await outputs(plan(stream([delivered(classified(f"r{number}"))]), desk.planner))
    earlier = asyncio.create_task(desk.ledger.recount([0]))
    await asyncio.sleep(0)
    forgotten = list(desk.ledger.decisions)[-1]
    desk.ledger.decisions.pop(forgotten)
    await desk.ledger.recount([0])
    await earlier
    assert desk.ledger.waiting.keys() == desk.ledger.decisions.keys()
