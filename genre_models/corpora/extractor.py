"""Where a genre's texts lie inside packages, under which licence, and which rules they pass."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from genre_models.corpora.cleaning import ABUSE
from genre_models.corpora.preprocessing import Rules

# Sources are rich: a text with somebody's address in it is left out.
PROSE = Rules(words=(4, 120), contacts="drop", abuse=ABUSE)


def prose(least: int, most: int) -> Rules:
    """Paragraphs of so many words."""
    return replace(PROSE, words=(least, most))


def verse(least: int, most: int) -> Rules:
    """Texts whose line breaks count."""
    return replace(PROSE, words=(least, most), lines=True)


@dataclass(frozen=True, slots=True)
class Cut:
    """A text as it lies in its source."""

    document: str
    text: str
    title: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Extractor:
    """`cut` reads the packages from a cache folder, fetching what is not there.

    `free` says that the licence lets adapters trained on the texts be given on.
    """

    source: str
    licence: str
    cut: Callable[[Path], Iterator[Cut]]
    rules: Rules = PROSE
    free: bool = False
