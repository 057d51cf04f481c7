"""Train the judge that comes with GENRE: `python -m genre_models.judging`, about ten minutes.

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

from genre_models.adapters import AdapterStore, BaseSpec
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
PAIRS, WRITES = 40, 8  # of a genre; the engine writes for so many of them, half with an adapter
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
    models = cache_folder("models")
    encoder = SentenceEncoder.load(models / "encoder")
    store = AdapterStore(cache_folder("adapters"), BaseSpec.load(models / "base"))
    engine = LocalEngine.load(models / "base", store, fast=True)
    learned = fitted(_cases(pairs, encoder, engine, store))
    measured = report(learned, _cases(pairs / "held_out", encoder, engine, store))
    weights = msgspec.structs.replace(learned.weights, report=measured)
    to.write_bytes(msgspec.json.format(msgspec.json.encode(weights), indent=1) + b"\n")
    typer.echo(json.dumps(measured, indent=1))


def _cases(folder: Path, encoder: Encoder, engine: LocalEngine, store: AdapterStore) -> Cases:
    found = [
        case
        for genre in Taxonomy.load().genres.values()
        if (good := _pairs(folder / f"{genre.id}.jsonl"))
        for case in _of_genre(genre, good, encoder, engine, store)
    ]
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


def _of_genre(
    genre: Genre,
    good: Sequence[Answer],
    encoder: Encoder,
    engine: LocalEngine,
    store: AdapterStore,
) -> Iterator[_Case]:
    embeddings = encoder.encode([pair.request for pair in good])
    yield from (_Case(GOOD, pair, pair.text) for pair in good)
    for kind, number, answer in spoiled(good, embeddings, random.Random(genre.id)):
        alike = answer.text if kind in OF_OTHER_MEANING else good[number].text
        yield _Case(kind, answer, alike)
    yield from _written(genre, good[-WRITES:], engine, store)


def _written(
    genre: Genre, pairs: Sequence[Answer], engine: LocalEngine, store: AdapterStore
) -> Iterator[_Case]:
    """What the base model and the genre's adapter make of these requests, as it would be shown."""
    adapter = store.newest(genre.id) or store.newest(_ANY_GENRE)
    names = [str(adapter) if adapter and row % 2 else None for row in range(len(pairs))]
    asked = [(genre, pair.request) for pair in pairs]
    for pair, name, end in zip(pairs, names, outputs(engine, asked, names, count()), strict=True):
        shown = ended(end.text, genre.ending, is_cut=end.reason == "length")
        if shown.text.strip():
            answer = Answer(request=pair.request, text=shown.text, broken_off=shown.broken_off)
            yield _Case("of an adapter" if name else "of the base model", answer, shown.text)


def _pairs(file: Path) -> list[Answer]:
    if not file.is_file():
        return []
    lines = map(json.loads, file.read_text().splitlines()[:PAIRS])
    return [Answer(request=line["request"], text=line["text"]) for line in lines]


def _stacked(rows: dict[str, NDArray[np.float32]], texts: Sequence[str]) -> NDArray[np.float32]:
    return np.stack([rows[text] for text in texts])


if __name__ == "__main__":
    typer.run(main)
