from __future__ import annotations

from dataclasses import replace

import pytest

from benchmarks.texts.__main__ import by_genre, spread, summary
from benchmarks.texts.measures import Said
from benchmarks.texts.wanted import Wanted

GOOD = Said(
    whole=True,
    about=True,
    of_genre=True,
    echo=False,
    refusal=False,
    placeholder=False,
    opening="why did the",
)
BAD = replace(GOOD, of_genre=False, echo=True)
PPL = {
    "joke": {"ppl_adapter": 6.0, "ppl_base": 10.0, "ppl_wrong": 8.0, "ppl_pooled": None},
    "sms": {"ppl_adapter": None, "ppl_base": 9.0, "ppl_wrong": 8.0, "ppl_pooled": 7.0},
}


def test_likeness_is_told_over_what_the_judge_recalls_of_written_texts() -> None:
    said = {"base": [BAD, BAD], "adapter": [GOOD, BAD], "product": [GOOD, GOOD], "written": [GOOD]}
    found = summary(said, PPL)
    assert found["of_genre_over_recall_adapter"] == 0.5
    assert (found["empty_base"], found["empty_product"]) == (1.0, 0.0)
    assert found["ppl_adapter_over_base"] == pytest.approx(0.6)
    assert found["ppl_adapter_over_pooled"] is None


def test_a_genre_without_requests_or_adapter_has_the_figures_that_there_are() -> None:
    wanted = [Wanted(genre=genre, request="fog", others=()) for genre in ("joke", "sms")]
    joke, sms = by_genre({"base": (wanted, [GOOD, BAD])}, PPL)
    assert (joke["genre"], joke["of_genre_base"], sms["of_genre_base"]) == ("joke", 1.0, 0.0)
    assert sms["ppl_adapter"] is None


def test_genres_are_taken_evenly() -> None:
    assert spread("abcdef", 3) == ["a", "c", "e"]
    assert spread("ab", 3) == spread("ab", None) == ["a", "b"]
