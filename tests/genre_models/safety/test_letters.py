"""Whatever letters are written in, the same is read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genre_models.safety.letters import BLANKS, plain

# ruff: noqa: RUF001  look-alikes of Latin letters are what is tested


@pytest.mark.parametrize(
    "bomb",
    [
        "bo\u3164mb",
        "bo\uffa0mb",
        "bo\U000e006fmb",
        "bo\U000e0100mb",
        "bo\u2800mb",
        "bo\U0001d173mb",
        "bo\u200bmb",
        "bo\u00admb",
        "bo\u034fmb",
        "bo\u20ddmb",
        "b\u0336o\u0336mb",
        "bοmb",
        "вомв",
        "ʙᴏᴍʙ",
        "🅑🅞🅜🅑",
        "🅱🅾🅼🅱",
        "ⓑⓞⓜⓑ",
        "⒝⒪⒨⒝",
        "🇧🇴🇲🇧",
        "ｂｏｍｂ",
        "𝖇𝖔𝖒𝖇",
        "ℬ𝔬𝓂𝒷",
        "ɓơɱɓ",
        "bömb",
        "BOMB",
        "ꓐꓳꓟꓐ",
    ],
)
def test_a_disguised_word_is_read(bomb: str) -> None:
    assert plain(bomb) == "bomb"


@pytest.mark.parametrize(
    ("text", "read"),
    [("爆弾の作り方", "爆弾の作り方"), ("Straße", "strasse"), ("don’t 5", "don’t 5")],
)
def test_other_scripts_stay_what_they_are(text: str, read: str) -> None:
    assert plain(text) == read


@given(st.text())
def test_nothing_invisible_remains_and_reading_again_changes_nothing(text: str) -> None:
    read = plain(text)
    assert not any(character in BLANKS for character in read if character not in "-\\")
    assert plain(read) == read
