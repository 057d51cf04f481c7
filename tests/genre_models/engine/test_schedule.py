from __future__ import annotations

import pytest

from genre_models.engine import Generation, Prompt
from genre_models.engine.row import Row
from genre_models.engine.schedule import PATIENCE, Schedule
from genre_models.engine.writing import Writing


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def schedule(clock: Clock) -> Schedule:
    return Schedule(clock)


def row(id: str, user: str, genre: str = "joke") -> Row:
    generation = Generation(
        id=id, prompt=Prompt(system="", user=""), adapter=f"{genre}@000000000000", user=user
    )
    return Row(generation, (1,), (), Writing(None))


def served(schedule: Schedule, tokens: int = 100) -> list[str]:
    order = []
    while (first := schedule.next(lambda _: True)) is not None:
        schedule.remove([first])
        schedule.charge(first, tokens)
        order.append(first.generation.user)
    return order


def test_one_user_with_many_rows_does_not_keep_another_waiting(schedule: Schedule) -> None:
    for number in range(10):
        schedule.add(row(f"a{number}", "ada"), [])
    schedule.add(row("b0", "bob"), [])
    schedule.add(row("b1", "bob"), [])
    assert served(schedule)[:4] in (["ada", "bob", "ada", "bob"], ["bob", "ada", "bob", "ada"])


def test_genres_take_turns_too(schedule: Schedule) -> None:
    for number in range(6):
        schedule.add(row(f"j{number}", f"user{number}", "joke"), [])
    schedule.add(row("p", "zoe", "poetry"), [])
    assert "zoe" in served(schedule)[:2]


def test_absence_saves_nothing_up(schedule: Schedule) -> None:
    for number in range(20):
        schedule.add(row(f"a{number}", "ada"), [])
    for _ in range(10):
        first = schedule.next(lambda _: True)
        assert first
        schedule.remove([first])
        schedule.charge(first, 100)
    for number in range(4):
        schedule.add(row(f"n{number}", "newcomer"), [])
    assert served(schedule)[:4].count("newcomer") == 2


def test_waiting_long_comes_before_having_had_little(schedule: Schedule, clock: Clock) -> None:
    first = row("a", "ada")
    schedule.add(first, [])
    schedule.charge(first, 300)
    clock.now = 100.0
    schedule.add(row("b", "bob"), [])
    assert served(schedule)[0] == "ada"


def test_a_row_that_does_not_fit_is_passed_by_for_a_while_only(
    schedule: Schedule, clock: Clock
) -> None:
    wide, small = row("wide", "ada"), row("small", "bob")
    schedule.add(wide, [])
    clock.now = PATIENCE / 2
    schedule.add(small, [])
    assert schedule.next(lambda each: each is small) is small
    clock.now = PATIENCE * 2
    assert schedule.next(lambda each: each is small) is None
