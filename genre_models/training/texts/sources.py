"""Texts from what people have: JSON, tables, text files and folders of them, data sets."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from genre_models.files import File, rows
from genre_models.files.table import by_folded_names, folded
from genre_models.training.texts.data_set import data_set, parquet
from genre_models.training.texts.pairs import Pair, Unlike, columns, pair
from schemas.errors import Rejected
from schemas.fields import Id

LONGEST = 256 * 1024  # characters of one text, as the event allows
LONGEST_REQUEST = 32 * 1024
KNOWN = ".jsonl, .json, .csv, .tsv, .txt or .parquet"

Tell = Callable[[str], None]


class Source(NamedTuple):
    """One text, what it answers and what it was cut from, where that is known, and its place.

    `place` says where it stands ("line 7 of jokes.csv").
    """

    text: str
    request: str | None
    document: str | None
    place: str


def read_source(
    place: str, column: str | None = None, tell: Tell = lambda _: None
) -> Iterator[Source]:
    """Every text of a file, of a folder of .txt files, or of `datasets:NAME`.

    `column` names the column or field of the texts. `tell` is told what people should know, a line
    each: how a file was read, and how many texts were left out. Raises Rejected `no_source` or
    `bad_source`, which says where.
    """
    left_out: Counter[str] = Counter()
    first: dict[str, str] = {}
    try:
        for source in _sources(place, column and folded(column), tell):
            if (why := _unfit(source)) is None:
                yield source
            else:
                left_out[why] += 1
                first.setdefault(why, source.place)
    except OSError as error:  # of a name, or of a folder whose files are listed
        raise Rejected(
            "no_source", f"Expected what can be read, got {place}: {error.strerror}."
        ) from error
    for why, count in left_out.items():
        tell(f"left out {count} {why}, the first in {first[why]}")


def _unfit(source: Source) -> str | None:
    if not source.text.strip():
        return "without a text"
    if len(source.text) > LONGEST:
        return f"of more than {LONGEST} characters"
    if len(source.request or "") > LONGEST_REQUEST:
        return f"with a request of more than {LONGEST_REQUEST} characters"
    return None


def _sources(place: str, column: str | None, tell: Tell) -> Iterator[Source]:
    if place.startswith("datasets:"):
        name = place.removeprefix("datasets:")
        return _of_data(data_set(name), f"the data set {name}", column)
    path = Path(place).expanduser()
    if place and path.is_dir():
        return _of_folder(path, tell)
    if path.suffix.lower() == ".parquet" and path.is_file():
        return _of_data(parquet(path), path.name, column)
    if not place or not path.exists():
        raise Rejected(
            "no_source",
            f"Expected a {KNOWN} file or a folder of .txt files, "
            f"got {place or 'no name'}: there is none.",
        )
    file = File.read(path)
    for note in file.notes:
        tell(f"{file.name}: {note}")
    if file.suffix == ".txt" and not _is_table(file, column):
        return _of_lines(file)
    if not file.is_json and file.suffix not in (".csv", ".tsv", ".txt"):
        raise Rejected("no_source", f"Expected a file that ends in {KNOWN}, got {file.name}.")
    return _of_file(file, column)


def _is_table(file: File, column: str | None) -> bool:
    """Whether a .txt file is a table by tabs, as Excel writes Unicode text."""
    names = file.text.partition("\n")[0].split("\t")
    return len(names) > 1 and columns(column).fit(frozenset(map(folded, names)))


def _of_file(file: File, column: str | None) -> Iterator[Source]:
    """Rows with a text, objects with one, or bare strings."""
    for row in rows(file, columns(column)):
        yield _source(row.value(), f"line {row.line} of {file.name}", column)


def _of_data(
    found: Iterator[tuple[int, Mapping[str, Any]]], name: str, column: str | None
) -> Iterator[Source]:
    for number, row in found:
        yield _source(row, f"row {number} of {name}", column)


def _of_lines(file: File) -> Iterator[Source]:
    """One text a line."""
    for number, line in enumerate(file.text.split("\n"), 1):
        if line.strip():
            yield Source(line.strip(), None, None, f"line {number} of {file.name}")


def _of_folder(folder: Path, tell: Tell) -> Iterator[Source]:
    """One text a file, which is its own document."""
    paths = sorted(
        path
        for path in folder.iterdir()
        if path.name.lower().removesuffix(".gz").endswith(".txt")
        and not path.name.startswith(".")
        and path.is_file()
    )
    if not paths:
        raise Rejected(
            "no_source", f"Expected .txt files in the folder {folder}, got none: name one file."
        )
    notes: dict[str, list[str]] = {}
    for path in paths:
        if not path.stat().st_size:
            continue
        file = File.read(path)
        for note in file.notes:
            notes.setdefault(note, []).append(file.name)
        yield Source(file.text, None, document_of(path.stem), file.name)
    for note, names in notes.items():
        tell(f"{names[0]}{f' and {len(names) - 1} more' if names[1:] else ''}: {note}")


def _source(row: Any, place: str, column: str | None) -> Source:
    if isinstance(row, str):
        return Source(row, None, None, place)
    try:
        if not isinstance(row, Mapping):
            raise Unlike("an object with a text, or a text", type(row).__name__)
        try:
            cells = by_folded_names(row)
        except ValueError as error:
            raise Unlike("each name once", str(error)) from error
        found: Pair = pair(cells, column)
    except Unlike as error:
        raise Rejected(
            "bad_source", f"Expected {error.expected} in {place}, got {error.got}."
        ) from error
    return Source(found.text, found.request, document_of(cells.get("document")), place)


def document_of(name: object) -> str | None:
    """A document's name as an event may hold it; what it may not hold becomes '-', or a digest.

    >>> document_of("https://example.com/a"), document_of(4), document_of(" ")
    ('https:--example.com-a', '4', None)
    """
    plain = "" if name is None else str(name).strip().replace("/", "-")
    if not plain:
        return None
    try:
        return msgspec.convert(plain, Id)
    except msgspec.ValidationError:
        return hashlib.sha256(plain.encode("utf-8", "replace")).hexdigest()
