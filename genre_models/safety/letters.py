"""Characters as their reader sees them: nothing invisible, and a Latin letter for what looks so."""

from __future__ import annotations

import json
import re
import unicodedata
from functools import lru_cache
from importlib import resources

# Unicode's Default_Ignorable_Code_Point (DerivedCoreProperties), which `unicodedata` lacks, and
# the blank of Braille.
BLANKS = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
_BLANK = re.compile(f"[{BLANKS}]")
_UNSEEN = {
    "Mn",
    "Me",
    "Cf",
    "Cc",
    "Cs",
    "Co",
    "Cn",
}  # categories: marks, formats, what is no letter
# LATIN LETTER SMALL CAPITAL B, NEGATIVE CIRCLED LATIN CAPITAL LETTER B, LATIN SMALL LETTER B WITH
# HOOK, REGIONAL INDICATOR SYMBOL LETTER B
_NAMED = re.compile(
    r"(?:LATIN|REGIONAL)\b.*\b(?:LETTER|SMALL CAPITAL)(?: TURNED| REVERSED)? ([A-Z])"
    r"(?: WITH [-A-Z ]+)?$"
)
_DRAWN = {"\u0493": "f"}  # what small capitals are made with, and no data tell
_OF_ITS_OWN = ("CJK", "HANGUL", "HIRAGANA", "KATAKANA")  # words of these hold no Latin letters
_SEEN = 8192  # characters that are remembered: more than texts of any one script have


class _Seen:
    """For `str.translate`: what is seen of each character."""

    def __getitem__(self, code: int) -> str:
        return _seen(chr(code))


_SEES = _Seen()


def plain(text: str) -> str:
    """The text in lower case, without marks and invisible characters, in Latin letters where the
    characters are such, look like them (Unicode's confusables) or are named after them.

    >>> plain("B\u1d0f\u3164\u043c\U0001f171")
    'bomb'
    """
    return text.casefold() if text.isascii() else text.translate(_SEES)


def visible(text: str) -> str:
    """The text without invisible characters, in its own script."""
    return _BLANK.sub("", text)


@lru_cache(_SEEN)
def _seen(character: str) -> str:
    if character.isspace():
        return "\n" if character in "\n\r\x0b\x0c\u2028\u2029" else " "
    if _BLANK.match(character):
        return ""
    if character in _DRAWN:
        return _DRAWN[character]
    named = _NAMED.search(unicodedata.name(character, ""))
    if named:
        return named[1].lower()
    parts = unicodedata.normalize("NFKD", character)
    return "".join(_part(part) for part in parts)


def _part(character: str) -> str:
    if character.isspace():
        return " "
    if _BLANK.match(character) or unicodedata.category(character) in _UNSEEN:
        return ""
    folded = character.casefold()
    if folded.isascii() or unicodedata.name(character, "").startswith(_OF_ITS_OWN):
        return folded
    likes = _confusables()
    return next(
        (likes[each] for each in (folded, character, folded.upper()) if each in likes), folded
    )


@lru_cache(1)
def _confusables() -> dict[str, str]:
    """The Latin letter or digit that a character is confused with, by Unicode's data."""
    data = resources.files("confusable_homoglyphs").joinpath("confusables.json").read_text("utf-8")
    found = {}
    for character, likes in json.loads(data).items():
        latin = [like["c"] for like in likes if re.fullmatch(r"[A-Za-z0-9]", like["c"])]
        if latin and not character.isascii():
            found[character] = min(latin, key=str.isdigit).lower()
    return found
