"""Names that change with what is learned from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, replace
from pathlib import Path

import pytest

from genre_models.safety import score_files
from genre_models.safety.examples import Example
from genre_models.safety.score_files import ScoreFiles
from tests.genre_models.safety.toy import EXAMPLES

LEARNED = {
    "learned_from": ("english", "second", "second_in_others", "third"),
    "texts_learned_from": ("english", "second", "second_in_others", "third"),
    "texts_apart": ("english", "second", "second_in_others", "third"),
    "learned_in_languages": ("others", "second_in_others", "third"),
}
"""What is learned from, and the files that change with it."""
FILES = ("english", "others", "second", "second_in_others", "third")


@pytest.fixture(autouse=True)
def _few(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in LEARNED:
        learn(name, EXAMPLES, monkeypatch)


def learn(name: str, given: Sequence[Example], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(score_files, name, lambda: tuple(given))


@pytest.mark.parametrize("name", LEARNED)
def test_names_change_with_what_is_learned_from(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = ScoreFiles.of(tmp_path)
    assert len({*astuple(before)}) == 5 and before == ScoreFiles.of(tmp_path)
    learn(name, [*EXAMPLES[1:], replace(EXAMPLES[0], is_harmful=False)], monkeypatch)
    after = ScoreFiles.of(tmp_path)
    changed = [each for each in FILES if getattr(before, each) != getattr(after, each)]
    assert changed == [each for each in FILES if each in LEARNED[name]]


def test_they_change_with_how_it_is_learned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = ScoreFiles.of(tmp_path)
    monkeypatch.setattr(score_files, "FORMAT", score_files.FORMAT + 1)
    assert not {*astuple(before)} & {*astuple(ScoreFiles.of(tmp_path))}


def test_they_are_tuned_once_all_opinions_are_there(tmp_path: Path) -> None:
    files = ScoreFiles.of(tmp_path)
    for file in (files.second, files.second_in_others, files.third):
        assert not files.are_tuned
        file.touch()
    assert files.are_tuned
