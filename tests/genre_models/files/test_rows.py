"""Rows of a file, whichever form it has."""

from __future__ import annotations

import pytest

from genre_models.files import Columns, File, rows
from schemas.errors import Rejected

COLUMNS = Columns(read=frozenset({"a"}), fit=lambda names: "a" in names, expected="an a")


@pytest.mark.parametrize(
    ("text", "name"),
    [('{"a": "1"}\n\n{"a": "2"}', "a.jsonl"), ('[{"a": "1"},\n\n{"a": "2"}]', "a.txt")],
)
def test_json_and_tables_say_the_same(text: str, name: str) -> None:
    assert [(row.line, row.value()) for row in rows(File.of(text.encode(), name), COLUMNS)] == [
        (1, {"a": "1"}),
        (3, {"a": "2"}),
    ]
    of_table = rows(File.of(b"A;b\n1;\n2;", "a.csv"), COLUMNS)
    assert [row.value() for row in of_table] == [{"a": "1", "b": ""}, {"a": "2", "b": ""}]


def test_a_header_that_does_not_fit_is_refused() -> None:
    with pytest.raises(Rejected, match="a header with an a"):
        list(rows(File.of(b"b;c\n1;2", "a.csv"), COLUMNS))
