"""Texts on disk, and who has been erased since they were read."""

from __future__ import annotations

from pathlib import Path

from genre_models.training.texts.store import TextStore

NOW = 1_795_000_000.0


def test_a_user_who_is_erased_while_training_counts(tmp_path: Path) -> None:
    texts = TextStore(tmp_path)
    texts.erase("ada", NOW)
    assert texts.attribute("haiku@000000000000", {"ada"}, NOW - 60) == 1
    assert texts.attribute("haiku@000000000001", {"ada"}, NOW + 60) == 0
