"""Which language a request is in beyond doubt: certain enough to turn somebody away for it.

A statistical identifier takes names and lists of words for anything. Here whole words have to say
it, from the beginning to the end, and little English beside them.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections import Counter
from collections.abc import Mapping
from functools import cache
from importlib import resources

from genre_models.classification.languages import Language
from genre_models.normal_forms import normalised

_READ = 1000  # characters: what is asked for stands at the beginning
_END = 200  # characters at either end, where people say what is to be done with a text
_WORD = re.compile(r"[^\W\d_]+")
_LEAST = 1.5  # weight of a language's words where there is no English beside them
_LIKELY = 0.95  # an identifier's probability that counts beside a word, or beside many without one
_MANY = 4  # words
_SCRIPTS = {"HIRAGANA": "ja", "KATAKANA": "ja", "HANGUL": "ko", "CJK": "zh"}
_MARKS = 3  # letters in a script that few languages use; of those that several share, one more
# Of these an identifier takes English, Latin mottoes and gibberish for.
_NEVER = {"en", "pcm", "sco", "jam", "bi", "tpi", "la", "eo", "zxx"}


def certain_language(text: str, likely: Language) -> str | None:
    """The ISO 639 code of the language that all of `text` is in, or None where there is doubt.

    `likely` is what an identifier takes it for. Short texts, mixed ones and names are in doubt.

    >>> certain_language("Schreib mir ein Gedicht über den Herbst", Language("de", 0.99))
    'de'
    >>> certain_language("Café Müller slogan", Language("de", 0.6)) is None
    True
    """
    read = normalised("NFKC", text[:_READ]).casefold()
    parts = {read, read[:_END], read[-_END:]}
    found = {_of(part, likely) for part in parts}
    return found.pop() if len(found) == 1 else None


def _of(text: str, likely: Language) -> str | None:
    words = _WORD.findall(text)
    english = len(_words()["en"].intersection(words))
    scripts = Counter(_script(letter) for word in words for letter in word)
    latin = scripts.pop("LATIN", 0)
    if scripts and scripts.total() > latin:
        return None if english else _by_script(scripts, likely)
    return _by_words(set(words), english, likely)


def _by_words(words: set[str], english: int, likely: Language) -> str | None:
    known, particles = _words(), _particles()
    whole = {
        code: len(words & own - particles.get(code, frozenset()))
        for code, own in known.items()
        if code != "en"
    }
    weights = {code: whole[code] + len(words & particles[code]) / 2 for code in whole}
    best = max(weights, key=lambda code: (weights[code], code == likely.code))
    if whole[best] >= 2 and weights[best] >= 3 * english:
        return best
    if english:
        return None
    is_named = likely.code not in _NEVER and (likely.code not in known or whole[likely.code] > 0)
    if is_named and len(words) >= _MANY and likely.confidence >= _LIKELY:
        return likely.code
    return best if whole[best] and weights[best] >= _LEAST else None


def _by_script(scripts: Counter[str], likely: Language) -> str | None:
    for script, code in _SCRIPTS.items():
        if scripts[script] >= _MARKS - 2 * (code == "ja"):
            return code if script != "CJK" or scripts[script] > _MARKS else None
    is_long = scripts.total() > _MARKS
    return likely.code if is_long and likely.code not in _NEVER else None


def _script(letter: str) -> str:
    """The first word of its name in Unicode: LATIN, CYRILLIC, CJK, ..."""
    return "LATIN" if letter.isascii() else unicodedata.name(letter, "UNKNOWN").partition(" ")[0]


@cache
def _tables() -> Mapping[str, Mapping[str, str]]:
    file = resources.files("genre_models").joinpath("classification", "common_words.toml")
    return tomllib.loads(file.read_text("utf-8"))


@cache
def _words() -> Mapping[str, frozenset[str]]:
    return {code: frozenset(words.split()) for code, words in _tables()["words"].items()}


@cache
def _particles() -> Mapping[str, frozenset[str]]:
    return {code: frozenset(words.split()) for code, words in _tables()["particles"].items()}
