"""What moves is left alone, what stands is told and then ended; no clock but its own counts."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from streams.worker import watchdog as watchdogs
from streams.worker.watchdog import Due, Watchdog


class Ended(BaseException):
    """In the place of the end of the process."""


@pytest.fixture(autouse=True)
def _endings(monkeypatch: pytest.MonkeyPatch) -> None:
    def end(reason: str, error: object = None, *, blamed: bool = False) -> None:
        raise Ended(reason, blamed)

    monkeypatch.setattr(watchdogs, "give_up", end)


class Dog:
    """A watchdog whose seconds pass by hand; `values` is what is due."""

    def __init__(self, limit: float = 10.0) -> None:
        self.values: dict[str, object] = {}
        self.watchdog = Watchdog(self._look, limit=limit)

    def _look(self) -> list[Due]:
        return [
            Due(
                name=name,
                stands=f"{name} stands",
                value=value,
                limit=10.0,
                notice=3.0,
                blamed=name == "event",
            )
            for name, value in self.values.items()
        ]

    def look(self, seconds: int = 1) -> str | None:
        """Let seconds pass; the reason that the health page tells."""
        for _ in range(seconds):
            self.watchdog.pass_time(1.0)
            self.watchdog.judge()
        return self.watchdog.reason


def test_what_moves_is_left_alone() -> None:
    dog = Dog()
    for number in range(100):
        dog.values = {"requests": number // 3}
        assert dog.look() is None


def test_what_stands_is_told_at_once_and_ended_at_the_limit() -> None:
    dog = Dog()
    dog.values = {"requests": 1}
    assert dog.look(4) is None
    assert dog.look() == "requests stands for 4 s"
    with pytest.raises(Ended, match="requests stands for 11 s; this worker ends"):
        dog.look(10)


def test_what_moves_again_is_well_again() -> None:
    dog = Dog()
    dog.values = {"requests": 1}
    assert dog.look(8) is not None
    dog.values = {"requests": 2}
    assert dog.look() is None and dog.look(3) is None


@pytest.mark.parametrize(("away", "blamed"), [(False, True), (True, False)])
def test_an_event_is_not_blamed_where_the_broker_is_away(away: bool, blamed: bool) -> None:
    dog = Dog()
    dog.values = {"event": 1}
    dog.look(5)
    dog.values = ({"broker": 1} if away else {}) | dog.values
    with pytest.raises(Ended) as ended:
        dog.look(10)
    assert ended.value.args[1] is blamed


def test_what_was_not_due_has_not_stood() -> None:
    dog = Dog()
    dog.values = {"requests": 1}
    dog.look(9)
    dog.values = {}
    dog.look(100)
    dog.values = {"requests": 1}
    assert dog.look(3) is None


def test_a_pause_of_the_process_and_a_jump_of_the_clock_make_nothing_old() -> None:
    dog = Dog()
    dog.values = {"requests": 1}
    dog.look()
    for seconds in (3600.0, 0.0, 86_400.0):
        dog.watchdog.pass_time(seconds)
        dog.watchdog.judge()
    assert dog.watchdog.now <= 5.0


def test_an_age_is_that_of_a_value() -> None:
    watchdog = Watchdog(list, limit=10.0)
    ages = []
    for value in (1, 1, 1, 2, 2):
        ages.append(watchdog.age("offset", value))
        watchdog.pass_time(1.0)
    assert ages == [0.0, 1.0, 2.0, 0.0, 1.0]


async def test_an_event_loop_that_stands_is_ended_with_its_place(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told: list[str] = []

    monkeypatch.setattr(watchdogs, "give_up", lambda reason, blamed: told.append(reason))
    looks: list[Any] = []
    watchdog = Watchdog(lambda: looks.append(None) or (), limit=0.2)  # type: ignore[func-returns-value]
    watchdog.start()
    await asyncio.sleep(0.1)
    assert looks and not told
    while not told:
        time.sleep(0.05)  # noqa: ASYNC251
    watchdog.stop()
    assert "the event loop stands" in told[0]
    assert "test_an_event_loop_that_stands" in told[0] and "test_watchdog.py" in told[0]


async def test_a_watchdog_that_was_stopped_looks_no_more() -> None:
    looks: list[Any] = []
    watchdog = Watchdog(lambda: looks.append(None) or (), limit=0.1)  # type: ignore[func-returns-value]
    watchdog.start()
    watchdog.stop()
    await asyncio.sleep(0.05)
    assert looks == []
