"""What is asked for: held-out requests, or those of a file."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice, zip_longest
from pathlib import Path

import msgspec

from genre_models.corpora.written import FOLDER
from genre_models.corpora.written.pairs import HELD_OUT, Pair, read_pairs
from genre_models.taxonomy import Taxonomy
from genre_models.training.gate.samples import NEIGHBOURS

SEED = 14


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A request for a text of a genre; `others` are nine requests of the genre, if it has so many.

    Where it has fewer, the rest is of other genres.
    """

    genre: str
    request: str
    others: tuple[str, ...]


class _Line(msgspec.Struct, forbid_unknown_fields=True):
    text: str
    genre: str


Asked = tuple[str, str]
"""(genre, request)"""


def held_out_pairs(folder: Path = FOLDER) -> dict[str, list[Pair]]:
    """The held-out pairs of every genre that has some."""
    found = {
        genre: read_pairs(folder / HELD_OUT / f"{genre}.jsonl") for genre in Taxonomy.load().genres
    }
    return {genre: pairs for genre, pairs in found.items() if pairs}


def some(pairs: Mapping[str, Sequence[Pair]], number: int) -> list[Asked]:
    """So many of the held-out requests, of all genres equally many, drawn by chance."""
    chance = random.Random(SEED)
    drawn = [
        [(genre, pair.request) for pair in chance.sample(known, len(known))]
        for genre, known in chance.sample(list(pairs.items()), len(pairs))
    ]
    turns = chain.from_iterable(zip_longest(*drawn))
    return sorted(islice((each for each in turns if each is not None), number))


def read(file: Path) -> list[Asked]:
    """The requests of a file: JSON lines with `text` and `genre`.

    Raises ValueError for a line that is none, or names a genre that is not in the taxonomy.
    """
    genres, found = Taxonomy.load().genres, []
    for number, line in enumerate(file.read_bytes().splitlines(), 1):
        expected = f"expected a text and its genre in line {number} of {file}"
        try:
            asked = msgspec.json.decode(line, type=_Line)
        except msgspec.DecodeError as error:
            raise ValueError(f"{expected}, got {error}") from error
        if asked.genre not in genres or not asked.text.strip():
            raise ValueError(f"{expected}, got genre {asked.genre!r}, text {asked.text[:40]!r}")
        found.append((asked.genre, asked.text.strip()))
    return found


def with_others(asked: Sequence[Asked], pairs: Mapping[str, Sequence[Pair]]) -> list[Wanted]:
    """Requests and those that their texts are compared with, drawn by chance."""
    chance = random.Random(SEED)
    known = dict.fromkeys(
        chain(asked, ((genre, pair.request) for genre in pairs for pair in pairs[genre]))
    )
    return [
        Wanted(
            genre=genre,
            request=request,
            others=tuple(islice(_others(genre, request, list(known), chance), NEIGHBOURS)),
        )
        for genre, request in asked
    ]


def _others(
    genre: str, request: str, known: Sequence[Asked], chance: random.Random
) -> Iterator[str]:
    """Those of the genre first."""
    shuffled = chance.sample(known, len(known))
    for _, other in sorted(shuffled, key=lambda each: each[0] != genre):
        if other != request:
            yield other
