"""Jokes, riddles and satirical definitions."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path

from genre_models.corpora.extractor import Cut
from genre_models.corpora.pinned import DEVIL, JOKES, RIDDLES
from genre_models.corpora.readers import dictionary, fortunes, paragraphs
from genre_models.packages import fetch

# Tags of what nobody asked for as a joke: abuse; sayings, wishes and pick-up lines, which are none.
UNCLEAN = {
    "racist",
    "sex",
    "dirty",
    "insults",
    "gay",
    "fat",
    "black",
    "rude",
    "blonde",
    "ugly",
    "flirty",
    "women",
    "men",
    "hate",
    "stupid",
}
NO_JOKES = {
    "attitude",
    "motivational",
    "love",
    "Valentines",
    "beauty",
    "happiness",
    "success",
    "friendship",
    "birthday",
}


def jokes(cache: Path) -> Iterator[Cut]:
    """One-liners, by their tags."""
    for number, joke in enumerate(
        json.loads((fetch(JOKES, cache) / "package/jokes.json").read_bytes())
    ):
        if not (UNCLEAN | NO_JOKES) & set(joke["tags"]):
            yield Cut(str(number), unescape(joke["body"]))


def riddles(cache: Path) -> Iterator[Cut]:
    """Question and answer, each on its line."""
    for document, text in fortunes(RIDDLES, cache, "riddles"):
        if found := re.fullmatch(r"Q:\s*(.+?)\n\s*A:\s*(.+)", text.strip(), re.DOTALL):
            question, answer = (" ".join(part.split()) for part in found.groups())
            yield Cut(document, f"{question}\nAnswer: {answer}")


def definitions(cache: Path) -> Iterator[Cut]:
    """`Headword, n.  text`, without the verses that illustrate some of them.

    Capitals alone are other tokens, which a small model cannot spell from what it was asked for.
    """
    for part in paragraphs(dictionary(DEVIL, cache, "devil", "latin-1")):
        if head := re.match(r"([A-Z][A-Z' -]+), (n|v\.t|v\.i|adj|adv|n\.pl|p\.p|pp)\.", part):
            yield Cut(head[1], head[1].capitalize() + part[head.end(1) :], head[1].lower())
