"""What classifiers learn from: a genre's own words, and what was written for this project."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from hashlib import sha256
from typing import NamedTuple

from genre_models.classification.written import Request, learned
from genre_models.classification.written.requests import ENGLISH
from genre_models.corpora.written import read_pairs
from genre_models.corpora.written.pairs import FOLDER
from genre_models.taxonomy import Genre, Taxonomy
from genre_models.taxonomy.genre import noun_of

NO_GENRE = ""
_OWN = "taxonomy"
_FEW = 4  # texts or requests; a genre with fewer is learned from what else it has
_TEXTS = 16  # of a genre's pairs
_IN_ALL = ("implied", "languages", "outside")  # requests for all languages


class Example(NamedTuple):
    """A text, its class (here a genre or `NO_GENRE`), and whom it is from."""

    text: str
    label: str
    source: str


def of_requests(taxonomy: Taxonomy) -> list[Example]:
    """What asks for a genre in English, and what asks for none."""
    return [*_own(taxonomy), *_written(taxonomy, lambda source, each: each.language == ENGLISH)]


def of_languages(taxonomy: Taxonomy) -> list[Example]:
    """The same in all languages, and fewer in English: an embedding of these takes 50 ms."""
    return [*_own(taxonomy), *_written(taxonomy, lambda source, each: source in _IN_ALL)]


def of_texts(taxonomy: Taxonomy) -> list[Example]:
    """Texts of each genre; of one with fewer than 4, what asks for it too."""
    found = []
    for genre in taxonomy.genres.values():
        texts = list(genre.texts)
        if genre.id in Taxonomy.load():
            texts += [pair.text for pair in read_pairs(FOLDER / f"{genre.id}.jsonl")[:_TEXTS]]
        if len(texts) < _FEW:
            texts += [genre.description, *genre.requests]
        found += [Example(text, genre.id, _OWN) for text in dict.fromkeys(texts)]
    return found


@cache
def written_digest() -> str:
    """sha256 (64 hex digits) over what is learned from beside the taxonomy."""
    pairs = [
        (pair.text for pair in read_pairs(FOLDER / f"{genre}.jsonl")[:_TEXTS])
        for genre in Taxonomy.load().genres
    ]
    return sha256(repr([learned(), *map(list, pairs)]).encode()).hexdigest()


def _own(taxonomy: Taxonomy) -> Iterator[Example]:
    for genre in taxonomy.genres.values():
        for text in dict.fromkeys(_asking(genre)):
            yield Example(text, genre.id, _OWN)
    for text in taxonomy.outside:
        yield Example(text, NO_GENRE, _OWN)


def _asking(genre: Genre) -> Iterator[str]:
    """Name and description ask as well; where there are few requests, texts say what is meant."""
    noun = noun_of(genre.id)
    yield from (genre.description, *genre.requests)
    if len(genre.requests) < _FEW:
        yield from (noun, f"write a {noun}", f"a {noun} about", genre.instruction, *genre.texts)


def _written(taxonomy: Taxonomy, wanted: Callable[[str, Request], bool]) -> Iterator[Example]:
    for source, requests in learned().items():
        for each in requests:
            label = each.genre or NO_GENRE
            if (label in taxonomy or not label) and wanted(source, each):
                yield Example(each.text, label, source)
