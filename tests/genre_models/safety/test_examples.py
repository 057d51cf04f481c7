"""What is learned from and what is measured on never meet."""

from __future__ import annotations

from pathlib import Path

import pytest

from genre_models.safety.examples import HELD_OUT, ORDINARY, known_words, learned_from, pairs, read
from genre_models.safety.letters import plain
from genre_models.safety.policy import Policy
from genre_models.text_quality import NEAR_DUPLICATE, shingles, similarity
from schemas.errors import InvalidEvent


def test_nothing_held_out_is_learned_from() -> None:
    learned = {plain(each.text) for each in learned_from()}
    measured = [each.text for each in read(HELD_OUT)]
    measured += [text for pair in pairs() for text in (pair.one, pair.other)]
    assert [text for text in measured if plain(text) in learned] == []


def test_every_category_is_learned_and_measured_and_minors_are_left_to_rules() -> None:
    written = {each.category for each in learned_from()} - {ORDINARY}
    assert written == {each.category for each in read(HELD_OUT)}
    assert written == set(Policy.load().categories) - {"minors"}


def test_authors_do_not_repeat_each_other() -> None:
    texts = [(each.author, shingles(each.text)) for each in learned_from() if each.is_harmful]
    near = [
        one
        for number, (author, one) in enumerate(texts[::7])
        for other_author, other in texts[::7][number + 1 :]
        if author != other_author and similarity(one, other) >= NEAR_DUPLICATE
    ]
    assert near == []


def test_known_words_are_those_of_what_is_learned_from() -> None:
    words = known_words()
    assert words["bomb"] > 0 and "sprengsatz" not in words


@pytest.mark.parametrize(
    "line", ["{}", "[]", '{"text": "", "harmful": true}', '{"text": "a"}', "{"]
)
def test_a_wrong_line_is_named(tmp_path: Path, line: str) -> None:
    (tmp_path / "me").mkdir()
    (tmp_path / "me" / "fraud.jsonl").write_text(line)
    with pytest.raises(InvalidEvent, match=r"fraud\.jsonl"):
        read(tmp_path)
