"""Tables as spreadsheets write them: which delimiter, which columns, and which line is broken."""

from __future__ import annotations

import csv
import io
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from genre_models.files.file import File
from schemas.errors import Rejected

DELIMITERS = (",", ";", "\t", "|")
_STATED = "sep="  # Excel's own first line
_SHOWN = 6  # names of a header in a message


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """What a reader of tables looks for: the folded names that it reads, and which of them do.

    `expected` says in words which columns a table needs.
    """

    read: frozenset[str]
    fit: Callable[[frozenset[str]], bool]
    expected: str


@dataclass(frozen=True, slots=True)
class Row:
    """One row: its cells by folded column names, and the line in which it begins.

    A cell is None where the row ends before it."""

    file: File
    line: int
    cells: Mapping[str, str | None]

    def value(self) -> Any:
        """What it says, as a document of JSON would."""
        return self.cells


def folded(name: str) -> str:
    """A column's name as it is compared: without case and outer spaces."""
    return name.strip().casefold()


def by_folded_names(row: Mapping[Any, Any]) -> dict[str, Any]:
    """A row by folded names. Raises ValueError where two of them are alike."""
    cells = {folded(str(name)): value for name, value in row.items()}
    if len(cells) < len(row):
        raise ValueError("two names that differ in case or spaces alone")
    return cells


def table(file: File, columns: Columns) -> Iterator[Row]:
    """The rows below a header whose names fit, but for empty ones.

    The delimiter is the one of `,` `;` tab `|` that makes such a header, with most columns where
    several do. Raises Rejected `bad_source`.
    """
    delimiter, skipped = _delimiter(file, columns)
    rows = _rows(file, delimiter, skipped)
    _, header = next(rows)
    names = [folded(name) for name in header]
    for line, cells in rows:
        if any(cell.strip() for cell in cells[len(names) :]):
            raise file.refused(
                line,
                f"{len(names)} cells, as in the header,",
                f"{len(cells)}: put a text that contains {_called(delimiter)} in quotation marks",
            )
        if any(cell.strip() for cell in cells):
            yield Row(file, line, dict(zip_longest(names, cells[: len(names)])))


def _delimiter(file: File, columns: Columns) -> tuple[str, int]:
    """The delimiter, and how many lines stand before the header."""
    stated = file.text.partition("\n")[0].strip().strip('"')
    if stated[: len(_STATED)].lower() == _STATED and len(stated) <= len(_STATED) + 1:
        candidates, skipped = [(stated + "\t")[len(_STATED)]], 1
    else:
        candidates, skipped = list(DELIMITERS), 0
    headers = {each: _header(file, each, skipped) for each in candidates}
    good = [each for each, names in headers.items() if columns.fit(frozenset(names))]
    most = max(good or candidates, key=lambda each: len(headers[each]))
    names = headers[most]
    if not names:
        next(_rows(file, most, skipped), None)  # raises what kept it from being a header
    if not good:
        raise file.refused(
            skipped + 1,
            f"a header with {columns.expected}",
            f"{listed(names)} (by {_called(most)}): add or rename it",
        )
    twice = [name for name, count in Counter(names).items() if count > 1 and name in columns.read]
    if twice:
        raise file.refused(
            skipped + 1, f"one column {twice[0]}", f"{names.count(twice[0])}: rename the others"
        )
    return most, skipped


def _header(file: File, delimiter: str, skipped: int) -> list[str]:
    try:
        _, cells = next(_rows(file, delimiter, skipped), (0, []))
    except Rejected:
        return []
    return [folded(cell) for cell in cells]


def _rows(file: File, delimiter: str, skipped: int) -> Iterator[tuple[int, list[str]]]:
    """(line in which it begins, cells) of every row that is no blank line."""
    csv.field_size_limit(sys.maxsize)
    lines = io.StringIO(file.text, newline="\n")
    for _ in range(skipped):
        lines.readline()
    # Strictly: a quotation mark that stands where none may would swallow the rows after it.
    reader = csv.reader(lines, delimiter=delimiter, strict=True, skipinitialspace=True)
    while True:
        line = skipped + reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise file.refused(
                line,
                "quotation marks in pairs (a text with one inside doubles it)",
                f"one that is not closed in the row that begins there ({error})",
            ) from error
        if cells:
            yield line, cells


def _called(delimiter: str) -> str:
    return "tab" if delimiter == "\t" else f"'{delimiter}'"


def listed(names: Iterable[object]) -> str:
    """Names as a message shows them: the first six, cut."""
    shown = [repr(str(name)[:40]) for name in names]
    return ", ".join(shown[:_SHOWN]) + (", ..." if len(shown) > _SHOWN else "") or "none"
