from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from benchmarks.texts.wanted import held_out_pairs, read, some, with_others
from genre_models.corpora.written.pairs import HELD_OUT, Pair

PAIRS = {
    genre: [Pair(f"{genre} {number}", f"text {number}") for number in range(count)]
    for genre, count in {"joke": 12, "riddle": 12, "sms": 2}.items()
}


def test_genres_are_asked_for_equally_often_as_far_as_they_have_requests() -> None:
    assert Counter(genre for genre, _ in some(PAIRS, 12)) == {"joke": 5, "riddle": 5, "sms": 2}
    assert some(PAIRS, 12) == some(PAIRS, 12)
    assert len(set(some(PAIRS, 1000))) == 26


def test_texts_are_compared_with_other_requests_of_their_genre_first() -> None:
    joke, sms = with_others([("joke", "joke 3"), ("sms", "sms 0")], PAIRS)
    assert len({*joke.others}) == 9
    assert all(other.startswith("joke") and other != "joke 3" for other in joke.others)
    assert [other.startswith("sms") for other in sms.others] == [True] + 8 * [False]


def test_genres_without_held_out_pairs_are_left_out(tmp_path: Path) -> None:
    (tmp_path / HELD_OUT).mkdir()
    (tmp_path / HELD_OUT / "sms.jsonl").write_bytes(b'{"request": "late", "text": "Late. Sorry."}')
    assert held_out_pairs(tmp_path) == {"sms": [Pair("late", "Late. Sorry.")]}


def test_requests_of_a_file_are_read(tmp_path: Path) -> None:
    file = tmp_path / "asked.jsonl"
    file.write_text('{"text": "a joke about fog", "genre": "joke"}\n')
    assert read(file) == [("joke", "a joke about fog")]


@pytest.mark.parametrize(
    "line", ['{"text": "fog", "genre": "limerick"}', '{"text": " ", "genre": "joke"}', "fog"]
)
def test_a_line_that_asks_for_nothing_known_is_named(tmp_path: Path, line: str) -> None:
    file = tmp_path / "asked.jsonl"
    file.write_text('{"text": "a joke about fog", "genre": "joke"}\n' + line)
    with pytest.raises(ValueError, match="line 2"):
        read(file)
