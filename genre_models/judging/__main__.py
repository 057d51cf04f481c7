"""Train the judge that comes with GENRE: `python -m genre_models.judging`, minutes of writing.

Good are written pairs, bad is what is made of them, and what base model and adapters write for the
same requests. Pairs of the other author are what it is measured on, never what it learns from.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import Annotated, NamedTuple

import msgspec
import numpy as np
import typer
from numpy.typing import NDArray

from genre_models.adapters import AdapterStore, BaseSpec, add_starters
from genre_models.encoder import Encoder, SentenceEncoder
from genre_models.endings import ended
from genre_models.engine.local_engine import LocalEngine
from genre_models.judging.fitting import GOOD, Cases, fitted, report
from genre_models.judging.judge import FILE
from genre_models.judging.outputs import outputs
from genre_models.judging.signs import Answer
from genre_models.judging.spoiled import OF_OTHER_MEANING, spoiled
from genre_models.taxonomy import Genre, Taxonomy
from schemas.cache import cache_folder

WRITTEN = Path(__file__).parents[1] / "corpora" / "written"
PAIRS, HELD_OUT = 40, 12  # of a genre
# The first three of so many requests in a row are written for: by the base, twice by an adapter.
WRITES, HELD_OUT_WRITES = 10, 4
_ANY_GENRE = "pooled"


class _Case(NamedTuple):
    kind: str
    answer: Answer
    like: str  # the text whose embedding it has: what changes no meaning is not encoded again


def main(
    pairs: Annotated[Path, typer.Option(help="Folder of GENRE.jsonl and held_out/.")] = WRITTEN,
    to: Annotated[Path, typer.Option(help="File to write.")] = FILE,
) -> None:
    """Train, measure on the held-out pairs, and write the judge with its report."""
    folder = cache_folder("models")
    encoder = SentenceEncoder.load(folder / "encoder")
    store = AdapterStore(cache_folder("adapters"), BaseSpec.load(folder / "base"))
    add_starters(store)
    engine = LocalEngine.load(folder / "base", store, fast=True)
    models = encoder, engine, store
    learned = fitted(cases_of(pairs, PAIRS, WRITES, *models))
    measured = report(learned, cases_of(pairs / "held_out", HELD_OUT, HELD_OUT_WRITES, *models))
    weights = msgspec.structs.replace(learned.weights, report=measured)
    to.write_bytes(msgspec.json.format(msgspec.json.encode(weights), indent=1) + b"\n")
    typer.echo(json.dumps(measured, indent=1))


def cases_of(
    folder: Path,
    most: int,
    writes: int,
    encoder: Encoder,
    engine: LocalEngine,
    store: AdapterStore,
) -> Cases:
    """Good and bad answers to at most so many requests of each genre that has pairs there.

    Models write for the first three of each `writes` requests.
    """
    good = [
        (genre, pairs)
        for genre in Taxonomy.load().genres.values()
        if (pairs := _pairs(folder / f"{genre.id}.jsonl", most))
    ]
    found = [case for genre, pairs in good for case in _made(genre, pairs, encoder)]
    found += _written(good, writes, engine, store)
    answers = [case.answer for case in found]
    texts = sorted({each.request for each in answers} | {case.like for case in found})
    rows = dict(zip(texts, encoder.encode(texts), strict=True))
    return Cases(
        answers=answers,
        kinds=[case.kind for case in found],
        groups=[each.request for each in answers],
        requests=_stacked(rows, [each.request for each in answers]),
        texts=_stacked(rows, [case.like for case in found]),
    )


def _made(genre: Genre, good: Sequence[Answer], encoder: Encoder) -> Iterator[_Case]:
    embeddings = encoder.encode([pair.request for pair in good])
    yield from (_Case(GOOD, pair, pair.text) for pair in good)
    for kind, number, answer in spoiled(good, embeddings, random.Random(genre.id)):
        alike = answer.text if kind in OF_OTHER_MEANING else good[number].text
        yield _Case(kind, answer, alike)


def _written(
    good: Sequence[tuple[Genre, Sequence[Answer]]],
    writes: int,
    engine: LocalEngine,
    store: AdapterStore,
) -> Iterator[_Case]:
    """What the base model and the genre's adapter make of these requests, as it would be shown."""
    asked: list[tuple[Genre, str]] = []
    names: list[str | None] = []
    for genre, pairs in good:
        adapter = store.newest(genre.id) or store.newest(_ANY_GENRE)
        for row, pair in enumerate(pairs):
            if row % writes < 3:
                asked.append((genre, pair.request))
                names.append(str(adapter) if adapter and row % writes else None)
    for (genre, request), name, end in zip(
        asked, names, outputs(engine, asked, names, count()), strict=True
    ):
        shown = ended(end.text, genre.ending, is_cut=end.reason == "length")
        if shown.text.strip():
            answer = Answer(request=request, text=shown.text, broken_off=shown.broken_off)
            yield _Case("of an adapter" if name else "of the base model", answer, shown.text)


def _pairs(file: Path, most: int) -> list[Answer]:
    if not file.is_file():
        return []
    lines = map(json.loads, file.read_text().splitlines()[:most])
    return [Answer(request=line["request"], text=line["text"]) for line in lines]


def _stacked(rows: dict[str, NDArray[np.float32]], texts: Sequence[str]) -> NDArray[np.float32]:
    return np.stack([rows[text] for text in texts])


if __name__ == "__main__":
    typer.run(main)
