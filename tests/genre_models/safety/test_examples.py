"""What is learned from and what is measured on never meet."""

from __future__ import annotations

from pathlib import Path

import pytest

from genre_models.corpora.written.pairs import FOLDER, read_pairs
from genre_models.safety.examples import (
    HELD_OUT,
    ORDINARY,
    known_words,
    learned_from,
    learned_in_languages,
    pairs,
    read,
    texts_apart,
    texts_learned_from,
)
from genre_models.safety.letters import plain
from genre_models.safety.policy import Policy
from genre_models.text_quality import NEAR_DUPLICATE, shingles, similarity
from schemas.errors import InvalidEvent

KINDS = set(Policy.load().categories) - {"minors"}


def test_nothing_held_out_is_learned_from() -> None:
    learned = {plain(each.text) for each in (*learned_from(), *learned_in_languages())}
    measured = [each.text for each in read(HELD_OUT)]
    measured += [text for pair in pairs() for text in (pair.one, pair.other)]
    assert [text for text in measured if plain(text) in learned] == []


def test_every_category_is_learned_and_measured_and_minors_are_left_to_rules() -> None:
    assert {each.category for each in learned_from()} - {ORDINARY} == KINDS
    assert {each.category for each in read(HELD_OUT)} == KINDS


def test_every_category_is_learned_and_measured_in_six_other_languages() -> None:
    codes = ("de", "es", "fr", "ja", "pt", "zh")
    for written in (learned_in_languages(), read(HELD_OUT)):
        harmful = {(each.language, each.category) for each in written if each.is_harmful}
        alike = {(each.language, each.category) for each in written if not each.is_harmful}
        for code in codes:
            assert {name for of, name in harmful if of == code} == KINDS
            assert {name for of, name in alike if of == code} >= KINDS


def test_authors_do_not_repeat_each_other() -> None:
    texts = [(each.author, shingles(each.text)) for each in learned_from() if each.is_harmful]
    near = [
        one
        for number, (author, one) in enumerate(texts[::7])
        for other_author, other in texts[::7][number + 1 :]
        if author != other_author and similarity(one, other) >= NEAR_DUPLICATE
    ]
    assert near == []


def test_texts_that_are_learned_from_and_those_apart_are_of_different_genres() -> None:
    learned, apart = texts_learned_from(), texts_apart()
    genres = {each.author.removesuffix(" texts") for each in learned}
    written = {pair.text: file.stem for file in FOLDER.glob("*.jsonl") for pair in read_pairs(file)}
    assert len(genres) > 20 and not genres & {written[text] for text in apart}
    assert not any(each.is_harmful or each.category != ORDINARY for each in learned)
    begun = [each.text for each in learned if each.text not in written]
    assert len(learned) / 4 < len(begun) < len(learned) and max(map(len, begun)) <= 200


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
