"""The languages that the base model writes: the setting's, else its card's."""

from __future__ import annotations

from pathlib import Path

from agents.classify.writable import written_languages
from genre_models.weights import prepare_base
from streams.settings import Settings
from tests.genre_models.tiny import make_base


def test_languages_are_those_of_the_setting_else_of_the_card_else_any(tmp_path: Path) -> None:
    assert written_languages(Settings(models=tmp_path)) == frozenset({"en"})
    assert written_languages(Settings(models=tmp_path, languages="de, fr")) == frozenset(
        {"de", "fr"}
    )
    assert written_languages(Settings(models=tmp_path, languages="any")) is None
    assert written_languages(Settings(models=tmp_path, base="org/model@main")) is None
    other = Settings(models=tmp_path, engine="openai", server_model="another")
    assert written_languages(other) is None
    make_base(tmp_path / "mine")
    (tmp_path / "mine" / "README.md").write_text("---\nlanguage: [en, deu]\n---\n")
    given = Settings(models=tmp_path / "models", base=str(tmp_path / "mine"))
    prepare_base(given.base, given.models)
    assert written_languages(given) == frozenset({"en", "de"})
