"""The pairs of one genre, as a corpus whose texts know what they answer."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import NamedTuple

import msgspec

from genre_models.corpora.corpus import Corpus
from genre_models.corpora.text import Text
from schemas.errors import ModelError

FOLDER = Path(__file__).parent
HELD_OUT = "held_out"
SOURCE, LICENCE = "pairs written for GENRE", "Apache-2.0"


class Pair(NamedTuple):
    """What somebody asked for, and a text that a professional would give them."""

    request: str
    text: str


class _Line(msgspec.Struct, forbid_unknown_fields=True):
    request: str
    text: str


def written(genre: str, family: str, folder: Path = FOLDER) -> Corpus | None:
    """All pairs of a genre, in the order of their file; None where none are written.

    Raises ModelError `bad_pairs`.
    """
    training, held_out = (
        tuple(_text(pair, genre, family) for pair in read_pairs(place / f"{genre}.jsonl"))
        for place in (folder, folder / HELD_OUT)
    )
    if not training:
        return None
    return Corpus(genre=genre, licence=LICENCE, training=training, held_out=held_out)


def read_pairs(file: Path) -> list[Pair]:
    """The pairs of a file; none where there is none.

    Raises ModelError `bad_pairs`, which names the line.
    """
    try:
        lines = file.read_bytes().splitlines()
    except FileNotFoundError:
        return []
    return [_pair(line, f"line {number} of {file.name}") for number, line in enumerate(lines, 1)]


def _pair(line: bytes, place: str) -> Pair:
    try:
        read = msgspec.json.decode(line, type=_Line)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _bad(place, str(error)) from error
    pair = Pair(read.request.strip(), read.text.strip())
    if not all(pair):
        raise _bad(place, "an empty one")
    return pair


def _bad(place: str, got: str) -> ModelError:
    return ModelError("bad_pairs", f"expected a request and a text in {place}, got {got}")


def _text(pair: Pair, genre: str, family: str) -> Text:
    return Text(
        text=pair.text,
        genre=genre,
        family=family,
        source=SOURCE,
        document=hashlib.sha256(pair.text.encode()).hexdigest(),
        request=pair.request,
    )
