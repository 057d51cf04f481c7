"""What cards and settings say of languages, and the sentences that decline one."""

from __future__ import annotations

import pytest

from genre_models.written_languages import _tables, languages_of, name, plain, refusal


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("en", {"en"}),
        ("en, fr, pt-BR, zho", {"en", "fr", "pt", "zh"}),
        ("English, Haitian Creole", {"en"}),
        ("en, multilingual", None),
        ("any", None),
        ("", None),
        ("not stated", None),
        ("code", None),
    ],
)
def test_a_list_of_languages_is_read_as_people_write_it(
    said: str, expected: set[str] | None
) -> None:
    assert languages_of(said) == expected


@pytest.mark.parametrize("asked", ["zh", "es", "de", "fr", "ja", "pt", "en"])
def test_each_of_the_seven_names_what_can_be_written(asked: str) -> None:
    names = _tables()["names"][asked]
    line = refusal(asked, {"en", "it", "zh"})
    assert all(names[each] in line for each in ("en", "it", "zh"))
    assert "{" not in line and len(refusal(asked, set(_tables()["names"]["en"]))) < 2000


def test_spanish_and_changes_before_the_same_sound() -> None:
    assert refusal("es", {"de", "en"}).endswith("alemán e inglés.")
    assert refusal("es", {"en", "fr"}).endswith("francés y inglés.".replace(" y ", " e "))


def test_others_are_answered_in_english() -> None:
    assert refusal("pl", {"en"}) == "Sorry, texts can be written in English only."
    assert refusal("tlh", {"tlh", "de"}) == "Sorry, texts can be written in German and tlh only."
    assert (plain("zh-Hant"), name("yue")) == ("zh", "Chinese")
