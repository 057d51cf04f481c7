"""Pieces against the whole text."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from genre_models.engine.writing import Writing
from tests.genre_models.tiny import make_tokenizer

TOKENIZER = make_tokenizer()


def tokens(text: str) -> list[int]:
    ids: list[int] = TOKENIZER(text, add_special_tokens=False, split_special_tokens=True).input_ids
    return ids


@given(st.text(max_size=30))
def test_pieces_are_whole_characters_and_join_to_the_text(text: str) -> None:
    text = text.replace("\ufffd", "").encode("utf-8", "ignore").decode()
    writing = Writing(TOKENIZER)
    pieces = [writing.add(token) for token in tokens(text)]
    assert "".join([*pieces, writing.close()]) == text == writing.text
    assert not any("\ufffd" in piece for piece in pieces)


@given(st.text("ab", max_size=20), st.text("ab", min_size=1, max_size=4))
def test_a_stop_string_ends_the_text_before_it(text: str, stop: str) -> None:
    writing = Writing(TOKENIZER, [stop])
    pieces = []
    for token in tokens(text):
        pieces.append(writing.add(token))
        if writing.stopped:
            break
    pieces.append(writing.close())
    assert "".join(pieces) == text.partition(stop)[0]
    assert writing.stopped == (stop in text)


def test_half_a_character_at_the_end_is_dropped() -> None:
    writing = Writing(TOKENIZER)
    for token in tokens("a🌊")[:-1]:
        writing.add(token)
    assert writing.close() == "" and writing.text == "a"
