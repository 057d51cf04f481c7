"""Texts from what people have: JSON Lines, CSV, a folder of text files, a Hugging Face data set."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from schemas.errors import Rejected

FIELDS = ("text", "content", "body")
LONGEST = 256 * 1024  # characters of one text, as the event allows


class Source(NamedTuple):
    """One text and what it was cut from, where that is known."""

    text: str
    document: str | None


def read_source(place: str) -> Iterator[Source]:
    """Every text of a .jsonl, .csv or .txt file, a folder of .txt files, or `datasets:NAME`.

    Raises Rejected `no_source` or `bad_source`, which says where.
    """
    path = Path(place).expanduser()
    if place.startswith("datasets:"):
        texts = _data_set(place.removeprefix("datasets:"))
    elif path.is_dir():
        texts = (
            Source(file.read_text("utf-8", "replace"), file.stem[:256])
            for file in sorted(path.glob("*.txt"))
        )
    elif path.is_file():
        texts = _file(path)
    else:
        raise Rejected(
            "no_source",
            f"Expected a .jsonl, .csv or .txt file or a folder of .txt files, got {place}.",
        )
    return (source for source in texts if 0 < len(source.text) <= LONGEST)


def _file(path: Path) -> Iterator[Source]:
    readers = {".jsonl": _json_lines, ".csv": _csv, ".txt": _lines}
    if path.suffix not in readers:
        raise Rejected(
            "no_source", f"Expected a file that ends in .jsonl, .csv or .txt, got {path.name}."
        )
    return readers[path.suffix](path)


def _json_lines(path: Path) -> Iterator[Source]:
    """Objects with a text (and a `document`), or bare strings."""
    with path.open(encoding="utf-8", errors="replace") as lines:
        for number, line in enumerate(lines, 1):
            if line.strip():
                yield _source(_parsed(line, path, number), path, number)


def _csv(path: Path) -> Iterator[Source]:
    """A column named `text`, `content` or `body`; the first where there is none."""
    with path.open(encoding="utf-8", errors="replace", newline="") as lines:
        rows = csv.DictReader(lines)
        named = [name for name in FIELDS if name in (rows.fieldnames or ())]
        column = named[0] if named else (rows.fieldnames or [""])[0]
        for row in rows:
            yield Source(row.get(column) or "", row.get("document") or None)


def _lines(path: Path) -> Iterator[Source]:
    """One text a line."""
    with path.open(encoding="utf-8", errors="replace") as lines:
        yield from (Source(line.strip(), None) for line in lines)


def _data_set(name: str) -> Iterator[Source]:
    try:
        from datasets import load_dataset
    except ImportError as error:
        message = (
            "Expected the package `datasets` to read a Hugging Face data set, "
            "got none: pip install datasets."
        )
        raise Rejected("no_source", message) from error
    for number, row in enumerate(load_dataset(name, split="train"), 1):
        yield _source(row, Path(name), number)


def _parsed(line: str, path: Path, number: int) -> Any:
    try:
        return json.loads(line)
    except ValueError as error:
        raise Rejected(
            "bad_source", f"Expected JSON in line {number} of {path.name}, got: {error}."
        ) from error


def _source(row: Any, path: Path, number: int) -> Source:
    text = (
        row if isinstance(row, str) else next((row[name] for name in FIELDS if name in row), None)
    )
    if not isinstance(text, str):
        raise Rejected(
            "bad_source", f"Expected a text in row {number} of {path.name}, got {str(row)[:80]!r}."
        )
    document = row.get("document") if isinstance(row, dict) else None
    return Source(
        text, str(document)[:256].replace("/", "-") if document not in (None, "") else None
    )
