from __future__ import annotations

import re

import pytest

from genre_models.classification.languages import LanguageIdentifier
from genre_models.taxonomy import Taxonomy


@pytest.fixture(scope="module")
def identifier() -> LanguageIdentifier:
    return LanguageIdentifier()


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Write a joke about cats.", "en"),
        ("tweet", "en"),
        ("poem", "en"),
        ("haiku, autumn leaves", "en"),
        ("sdfjk", "en"),
        ("Quelle heure est-il à Paris ?", "fr"),
        ("Écris un poème sur la mer", "fr"),
        ("Schreibe mir bitte etwas über Hunde", "de"),
        ("Erzähl mir einen Witz", "de"),
        ("Escribe un poema sobre el mar y la luna", "es"),
        ("Ik heb honger", "nl"),
        ("Как дела?", "ru"),
        ("明日は雨ですか", "ja"),
    ],
)
def test_short_requests(identifier: LanguageIdentifier, text: str, code: str) -> None:
    assert identifier.identify(text).code == code


def test_english_requests_are_english(identifier: LanguageIdentifier) -> None:
    requests = [request for genre in Taxonomy.load().genres.values() for request in genre.requests]
    found = [identifier.identify(request).code for request in requests]
    assert found.count("en") / len(found) > 0.98


@pytest.mark.parametrize("text", ["", "   ", "!!!", "1234", "\u200b", "{}[]", "😀"])
def test_without_a_letter_nothing_is_known(identifier: LanguageIdentifier, text: str) -> None:
    language = identifier.identify(text)
    assert (language.code, language.confidence) == ("en", 0.0)


@pytest.mark.parametrize("text", ["a" * 30_000, "\ud800", "日" * 9_000, "x\x00y", "hi"])
def test_every_answer_fits_the_wire(identifier: LanguageIdentifier, text: str) -> None:
    language = identifier.identify(text)
    assert re.fullmatch("[a-z]{2,3}", language.code)
    assert 0.0 <= language.confidence <= 1.0


def test_the_default_is_the_callers() -> None:
    assert LanguageIdentifier(default="de").identify("42").code == "de"


def test_a_language_is_told_by_the_beginning_of_a_long_text(
    identifier: LanguageIdentifier,
) -> None:
    beginning = "Write a letter to the harbour about the fog. " * 100
    told = identifier.identify(beginning + "Schreibe bitte etwas über Hunde. " * 1000)
    assert told == identifier.identify(beginning[:4096]) and told.code == "en"


def test_what_is_in_another_language_and_what_in_none(identifier: LanguageIdentifier) -> None:
    texts = ["Write a joke about cats.", "Ik heb honger", "xyzzy plugh frobnicate", "0x3F"]
    assert identifier.foreign(texts) == [False, True, False, False]
    assert identifier.identify("xyzzy plugh frobnicate").is_foreign  # for routing, however little
