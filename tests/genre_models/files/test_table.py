"""Tables as spreadsheets, databases and people write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genre_models.files import Columns, File
from genre_models.files.table import table
from schemas.errors import Rejected

COLUMNS = Columns(
    read=frozenset({"text", "id"}), fit=lambda names: "text" in names, expected="a column text"
)


def rows(text: str) -> list[tuple[int, dict[str, str | None]]]:
    return [(row.line, dict(row.cells)) for row in table(File.of(text.encode(), "a.csv"), COLUMNS)]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_the_one_that_makes_the_header(delimiter: str) -> None:
    header, row = delimiter.join(["ID", " Text ", ""]), delimiter.join(["7", "a b", "", "", ""])
    assert rows(f"{header}\n{row}\n") == [(2, {"id": "7", "text": "a b", "": ""})]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("text\n\n\none\n", [(4, {"text": "one"})]),
        ('text,id\n"one\r\ntwo, ""three""",1\nfour,2\n', [(2, 'one\ntwo, "three"'), (4, "four")]),
        ('id, text\n1, "one, two"\n', [(2, "one, two")]),
        ("sep=;\nid;text\n1;one, two\n", [(3, "one, two")]),
        ('"sep=|"\nid|text\n1|one\n', [(3, "one")]),
        ('id,text\n1,5" and 6" disks\n', [(2, '5" and 6" disks')]),
        ("text,id\none\n,,,\n", [(2, "one")]),
        ("text,note,note\none,a,b\n", [(2, "one")]),
        (f"text\n{'a' * 200_000}\n", [(2, "a" * 200_000)]),
        ("text;a,b\none;two\n", [(2, "one")]),
    ],
)
def test_cells_are_read_as_they_were_meant(text: str, expected: list[tuple[int, object]]) -> None:
    found = rows(text)
    wanted = [cells if isinstance(cells, dict) else {"text": cells} for _, cells in expected]
    assert [line for line, _ in found] == [line for line, _ in expected]
    assert [{"text": cells["text"]} for _, cells in found] == wanted


def test_a_row_that_ends_early_has_no_such_cell() -> None:
    assert rows("id,text\n1\n") == [(2, {"id": "1", "text": None})]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("one,two\nthree,four\n", r"header with a column text in line 1 .*'one', 'two' \(by ','\)"),
        ("words\none\n", "a column text"),
        ("a;b;c\n1;2;3", "by ';'"),
        ("text,Text\none,two\n", "one column text in line 1 of a.csv, got 2: rename"),
        ("text,id,ID\none,two,three\n", "one column id"),
        ("text\none, two\n", "1 cells, as in the header, in line 2 of a.csv, got 2.*quotation"),
        ('id,text\n1,"one\n2,"two"\n', "not closed in the row that begins there"),
        ('id,text\n1,one\n2,"two\n3,three\n', "in pairs .* in line 3"),
        ('id,text\n1,"one" he said\n', "in line 2"),
        ('id,text\n1,"a ""\n', "in line 2"),
        ('"id,text\n', "quotation marks in pairs .* in line 1"),
        ('"text" ,id\none,two\n', "quotation marks in pairs .* in line 1"),
    ],
)
def test_what_would_move_cells_is_refused_with_its_line(text: str, said: str) -> None:
    with pytest.raises(Rejected, match=said) as refused:
        rows(text)
    assert refused.value.code == "bad_source" and "\n" not in refused.value.message


@given(st.text(alphabet='text,;|"\t\n é=', max_size=40))
def test_whatever_the_text_it_is_read_or_refused_in_a_line(text: str) -> None:
    try:
        rows(f"text,id\n{text}")
        rows(text)
    except Rejected as error:
        assert "\n" not in error.message
