"""A client sees the first words at once, and then at most ten times a second what was added."""

from __future__ import annotations

from agents.generate.pieces import MOMENT, Pieces
from tests.agents.generate.conftest import task


class Clock:
    now = 100.01

    def __call__(self) -> float:
        return self.now


def told(pieces: Pieces, *, last: bool = False) -> list[tuple[int, int, str]]:
    return [
        (each.index or 0, each.sequence or 0, each.text or "") for each in pieces.due(last=last)
    ]


def test_the_first_goes_at_once_and_what_follows_is_gathered_for_a_moment() -> None:
    clock = Clock()
    pieces = Pieces(task("r").event, clock)
    pieces.add(0, "Once")
    assert told(pieces) == [(0, 0, "Once")]
    for text in (" upon", " a"):
        pieces.add(0, text)
        assert told(pieces) == []
    pieces.add(1, "Fog")
    clock.now += MOMENT
    assert told(pieces) == [(0, 1, " upon a"), (1, 0, "Fog")]


def test_the_last_wait_for_nothing() -> None:
    pieces = Pieces(task("r").event, Clock())
    pieces.add(0, "Once")
    told(pieces)
    pieces.add(0, " more.")
    assert told(pieces, last=True) == [(0, 1, " more.")]
    assert told(pieces, last=True) == []


def test_pieces_of_all_tasks_go_out_in_the_same_moment() -> None:
    clock = Clock()
    both = [Pieces(task(name).event, clock) for name in ("one", "two")]
    for pieces in both:
        clock.now += 0.4 * MOMENT
        pieces.add(0, "a")
        assert told(pieces)
    clock.now = 100.01 + MOMENT
    for pieces in both:
        pieces.add(0, "b")
        assert told(pieces) == [(0, 1, "b")]


def test_a_silent_moment_says_nothing() -> None:
    pieces = Pieces(task("r").event, Clock())
    assert told(pieces) == []
    pieces.add(0, "a")
    assert told(pieces) == [(0, 0, "a")]
