"""Which languages texts can be written in, what they are called, and how to say that one cannot."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Set
from functools import cache
from importlib import resources
from typing import Any

_WORD = re.compile(r"[a-z]+")
_ANY = {"any", "multilingual"}


def languages_of(said: str) -> frozenset[str] | None:
    """The languages that a list names by their codes or in English; None where it names none.

    So does a list that says `any`.

    >>> sorted(languages_of("en, deu, pt-BR, French") or ())
    ['de', 'en', 'fr', 'pt']
    >>> languages_of("multilingual") is languages_of("not stated") is None
    True
    """
    listed = [part.strip().lower() for part in said.split(",")]
    if _ANY.intersection(listed):
        return None
    by_name = {name.lower(): code for code, name in _tables()["names"]["en"].items()}
    found = {by_name.get(each) or _known(plain(each)) for each in listed}
    return frozenset(code for code in found if code) or None


def plain(code: str) -> str:
    """An ISO 639 code without region or script, of two letters where there is such a one.

    >>> plain("pt-BR"), plain("deu"), plain("yue"), plain("tlh")
    ('pt', 'de', 'zh', 'tlh')
    """
    word = _WORD.match(code.lower())
    first = word[0] if word else code
    return str(_tables()["two_letters"].get(first, first))


def name(code: str) -> str:
    """A language's name in English, else its code.

    >>> name("de"), name("tlh")
    ('German', 'tlh')
    """
    return str(_tables()["names"]["en"].get(plain(code), code))


def refusal(language: str, writable: Set[str]) -> str:
    """That texts are not written in `language`, said in it, and in which they are.

    In English where `language` is none of the seven that are written here.

    >>> refusal("de", {"en", "fr"})
    'Leider kann ich hier Texte nur auf Englisch und Französisch schreiben.'
    """
    code = plain(language)
    asker = code if code in _tables()["refusals"] else "en"
    own = _tables()["names"][asker]
    names = sorted(own.get(each) or name(each) for each in writable)
    return str(_tables()["refusals"][asker]).format(names=_joined(names, asker))


def _joined(names: list[str], language: str) -> str:
    *first, last = names
    if not first:
        return last
    between = "、" if language in ("zh", "ja") else ", "
    joint = _tables()["last"][language]
    if language == "es" and last.startswith("i"):
        joint = " e "  # "y" before the same sound
    return f"{between.join(first)}{joint}{last}"


def _known(code: str) -> str | None:
    return code if code in _tables()["names"]["en"] or len(code) == 2 else None


@cache
def _tables() -> Mapping[str, Any]:
    file = resources.files("genre_models").joinpath("written_languages.toml")
    return tomllib.loads(file.read_text("utf-8"))
