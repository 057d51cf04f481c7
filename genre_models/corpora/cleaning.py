"""What every text goes through before anybody learns from it."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Iterator

from genre_models.corpora.text import Text

# Words that turn old or joking sources into abuse; a text with one of them is left out whole.
ABUSE = re.compile(
    r"\b(nigg\w+|negro\w*|jew\w*|chinam\w+|savages?|fagg?\w*|retard\w*|whores?|sluts?|bitch\w*|rape\w*|fuck\w*|shit\w*"
    r"|cunt\w*|cripples?|darky|darkies|injuns?|gyps\w+|hitler|nazi\w*)\b",
    re.IGNORECASE,
)
MARKUP = re.compile(r"https?://|www\.|<[a-z/][^>]*>|[{}|\\^~]|<<|>>|\S+@\S+\.\w+")


def tidy(text: str, lines: bool) -> str:
    """NFC, plain spaces and quotes; one paragraph, or its lines where the genre is written in lines.

    >>> tidy("  The\\u00a0sea \\n is  wide", lines=False)
    'The sea is wide'
    """
    text = unicodedata.normalize("NFC", text).translate(
        {0x2018: "'", 0x2019: "'", 0x201C: '"', 0x201D: '"', 0xFEFF: ""}
    )
    rows = [" ".join(row.split()) for row in text.splitlines()]
    return ("\n" if lines else " ").join(row for row in rows if row)


def cleaned(texts: Iterable[Text], words: tuple[int, int]) -> Iterator[Text]:
    """Texts within `words` (least, most), without abuse, markup and exact duplicates (case and punctuation aside)."""
    seen: set[bytes] = set()
    for text in texts:
        key = hashlib.sha256(re.sub(r"\W+", " ", text.text.casefold()).strip().encode()).digest()
        if key not in seen and words[0] <= len(text.text.split()) <= words[1] and _readable(text.text):
            seen.add(key)
            yield text


def _readable(text: str) -> bool:
    letters = sum(character.isalpha() or character.isspace() for character in text)
    return letters >= 0.8 * len(text) and not ABUSE.search(text) and not MARKUP.search(text) and "\ufffd" not in text
