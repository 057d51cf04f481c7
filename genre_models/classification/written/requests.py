"""Requests as people type them, by many authors, and what each of them asks for.

Beside the taxonomy's own: those of `*.jsonl` here (`implied` never name their genre, `languages`
are not in English, `outside` ask for no genre, others are one author's each), and those of the
pairs that adapters learn from. What lies in `held_out/` was written by authors who had not seen the
others, and is for measuring alone.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import msgspec

from genre_models.corpora.written import pairs
from genre_models.taxonomy import Taxonomy
from schemas.errors import ModelError

FOLDER = Path(__file__).parent
HELD_OUT = "held_out"
ENGLISH = "en"
PAIRS = "pairs"


class Request(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One request: its genre, None where no genre is meant; then `kind` says what is.

    `language` is an ISO 639 code.
    """

    text: str
    genre: str | None = None
    language: str = ENGLISH
    kind: str | None = None


@cache
def learned() -> dict[str, tuple[Request, ...]]:
    """What may be learned from, by file, and `pairs`. Raises as `read_requests`."""
    return _read(FOLDER, pairs.FOLDER)


@cache
def held_out() -> dict[str, tuple[Request, ...]]:
    """What only measures, in the same way; `plain` are of all kinds."""
    return _read(FOLDER / HELD_OUT, pairs.FOLDER / HELD_OUT)


def read_requests(file: Path) -> tuple[Request, ...]:
    """The requests of a file of JSON lines, genres of the taxonomy.

    Raises ModelError `bad_requests`, which names the line.
    """
    try:
        lines = file.read_bytes().splitlines()
    except OSError as error:
        raise _bad(str(file), str(error.strerror)) from error
    return tuple(_request(line, f"line {at} of {file.name}") for at, line in enumerate(lines, 1))


def _read(folder: Path, of_pairs: Path) -> dict[str, tuple[Request, ...]]:
    named = {file.stem: read_requests(file) for file in sorted(folder.glob("*.jsonl"))}
    return named | {PAIRS: _of_pairs(of_pairs)}


def _of_pairs(folder: Path) -> tuple[Request, ...]:
    return tuple(
        Request(text=pair.request, genre=genre)
        for genre in Taxonomy.load().genres
        for pair in pairs.read_pairs(folder / f"{genre}.jsonl")
    )


def _request(line: bytes, place: str) -> Request:
    try:
        read = msgspec.json.decode(line, type=Request)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _bad(place, str(error)) from error
    if not read.text.strip():
        raise _bad(place, "an empty text")
    if (read.genre is None) == (read.kind is None):
        raise _bad(place, "both of them" if read.genre else "neither")
    if read.genre is not None and read.genre not in Taxonomy.load():
        raise _bad(place, "a genre that the taxonomy lacks")
    return read


def _bad(place: str, got: str) -> ModelError:
    return ModelError(
        "bad_requests",
        f"expected a text with a genre, or with the kind of what is no genre, in {place}, "
        f"got {got}",
    )
