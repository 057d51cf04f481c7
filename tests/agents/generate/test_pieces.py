"""A client sees the first sentence at once, then what was added, and nothing that is held back."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from agents.generate.pieces import MOMENT, Pieces
from genre_models.safety import SafetyGate
from genre_models.safety.learned import Score
from genre_models.safety.score import Scores
from tests.agents.generate.conftest import task

GATE = SafetyGate()


class Clock:
    now = 100.01

    def __call__(self) -> float:
        return self.now


def made(clock: Clock | None = None, name: str = "r") -> Pieces:
    return Pieces(task(name).event, GATE, clock or Clock())


def told(pieces: Pieces, *, last: bool = False) -> list[tuple[int, int, str]]:
    if not pieces.are_due(last=last):
        return []
    return [(each.index or 0, each.sequence or 0, each.text or "") for each in pieces.due()]


def test_the_first_sentence_goes_at_once_and_what_follows_is_gathered_for_a_moment() -> None:
    clock = Clock()
    pieces = made(clock)
    for text in ("It", " rained", "."):
        pieces.add(0, text)
        assert told(pieces) == []
    pieces.add(0, " Nobody")
    assert told(pieces) == [(0, 0, "It rained. ")]
    pieces.add(0, " came.\nThe")
    assert told(pieces) == []
    pieces.add(1, "Fog. And")
    clock.now += MOMENT
    assert told(pieces) == [(0, 1, "Nobody came.\n"), (1, 0, "Fog. ")]


def test_the_end_of_a_candidate_goes_out_whole() -> None:
    pieces = made()
    pieces.add(0, "Once")
    pieces.end(0)
    assert told(pieces, last=True) == [(0, 0, "Once")]
    assert told(pieces, last=True) == []


@pytest.mark.parametrize(
    ("text", "part"), [("雨だ。猫", "雨だ。"), ("one\ntwo", "one\n"), ("so " * 120, "so " * 120)]
)
def test_lines_other_scripts_and_what_has_no_end_go_out(text: str, part: str) -> None:
    pieces = made()
    pieces.add(0, text)
    assert told(pieces) == [(0, 0, part)]


def test_pieces_of_all_tasks_go_out_in_the_same_moment() -> None:
    clock = Clock()
    both = [made(clock, name) for name in ("one", "two")]
    for pieces in both:
        clock.now += 0.4 * MOMENT
        pieces.add(0, "a.\n")
        assert told(pieces)
    clock.now = 100.01 + MOMENT
    for pieces in both:
        pieces.add(0, "b.\n")
        assert told(pieces) == [(0, 1, "b.\n")]


def test_a_silent_moment_says_nothing() -> None:
    pieces = made()
    assert told(pieces) == []
    pieces.add(0, "a. ")
    assert told(pieces) == [(0, 0, "a. ")]


def test_a_sentence_that_is_held_back_never_goes_out_and_nothing_after_it() -> None:
    clock = Clock()
    pieces = made(clock)
    pieces.add(0, "The bus was late. ")
    pieces.add(1, "Another. ")
    assert [text for _, _, text in told(pieces)] == ["The bus was late. ", "Another. "]
    clock.now += MOMENT
    pieces.add(0, "Nobody likes you, just kill ")
    pieces.add(0, "yourself. Bye. ")
    pieces.add(1, "More. ")
    held, more = pieces.due()
    assert (held.index, held.text, held.code) == (0, "", "self_harm") and held.message
    assert (more.index, more.text, more.code) == (1, "More. ", None)
    pieces.add(0, "And on. ")
    pieces.end(0)
    assert told(pieces, last=True) == []


def test_what_is_harmful_across_two_sentences_is_held_back() -> None:
    clock = Clock()
    pieces = made(clock)
    pieces.add(0, "They are Muslims.\n")
    told(pieces)
    clock.now += MOMENT
    pieces.add(0, "And they are vermin.\n")
    assert told(pieces) == [(0, 1, "")]


def test_a_sentence_that_the_learned_score_knows_is_held_back() -> None:
    asked: list[str] = []

    def scored(texts: Sequence[str]) -> list[Score]:
        asked.extend(texts)
        return [
            Score(probability=0.9, category="hate", is_harmful="rats" in each) for each in texts
        ]

    gate = SafetyGate(Scores(requests=lambda _: [], texts=scored))
    clock = Clock()
    pieces = Pieces(task("r").event, gate, clock)
    pieces.add(0, "They came to our town. ")
    assert told(pieces) == [(0, 0, "They came to our town. ")]
    clock.now += MOMENT
    pieces.add(0, "They breed like rats. ")
    (held,) = pieces.due()
    assert (held.text, held.code) == ("", "hate")
    assert asked == ["they came to our town.", "they came to our town. they breed like rats."]
