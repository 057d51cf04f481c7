"""Texts as pieces of words."""

from __future__ import annotations

import re
from array import array
from itertools import accumulate
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genre_models.multilingual.packed_model import PackedModel, Vocabulary
from genre_models.multilingual.tokenizer import Tokenizer

PIECES = ("<s>", "</s>", "<unk>", "\u2581", "\u2581ab", "a", "b", "c", "ab", "bc", "\u2581a")
SMALL = Tokenizer(
    Vocabulary(
        text="".join(PIECES).encode(),
        ends=array("I", [0, *accumulate(len(piece.encode()) for piece in PIECES)]),
        scores=array("f", [0, 0, 0, -2, -4, -3, -3, -3, -4, -3.5, -3]),
        begin=0,
        end=1,
        unknown=2,
        spellings={ord("\u00e4"): "a", ord("\t"): " "},
    )
)


def pieces(text: str, most: int = 99) -> list[str]:
    return [PIECES[number] for number in SMALL.ids(text, most)[1:-1]]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ab", ["\u2581ab"]),
        ("abc", ["\u2581a", "bc"]),  # -6.5, where "\u2581ab c" has -7
        (" a\t  \u00e4b", ["\u2581a", "\u2581ab"]),
        ("axb", ["\u2581a", "<unk>", "b"]),
        ("", ["\u2581"]),
        ("axxxb", ["\u2581a", "<unk>", "b"]),
        ("</s>", ["\u2581", "<unk>"]),  # special pieces are none of a text's
        ("ab \t ", ["\u2581ab"]),
    ],
)
def test_the_most_probable_pieces_together(text: str, expected: list[str]) -> None:
    assert pieces(text) == expected


def test_no_more_than_asked_for_with_begin_and_end() -> None:
    assert SMALL.ids("abcabcabc", 4)[0] == 0 and SMALL.ids("abcabcabc", 4)[-1] == 1
    assert len(SMALL.ids("abcabcabc", 4)) == 4


@given(st.text("abc ", max_size=40))
def test_pieces_make_the_text_again(text: str) -> None:
    assert "".join(pieces(text)) == re.sub(" +", "\u2581", f" {text.strip()}")


def test_it_cuts_as_the_model_was_trained_to_read(folder: Path) -> None:
    real = Tokenizer(PackedModel.open(folder).vocabulary)
    # what the documentation of XLM-R gives for these
    assert real.ids("Hello world", 9) == (0, 35378, 8999, 2)
    assert real.ids("Hello world!", 9) == (0, 35378, 8999, 38, 2)
