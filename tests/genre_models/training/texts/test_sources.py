"""Texts from files, and the one line that says what is wrong with one."""

from __future__ import annotations

from pathlib import Path

import pytest

from genre_models.training.texts.sources import LONGEST, read_source
from schemas.errors import Rejected


def texts(place: Path) -> list[tuple[str, str | None]]:
    return [(source.text, source.document) for source in read_source(str(place))]


def test_json_lines_hold_objects_or_strings(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_text(
        '{"text": "one", "document": "a/1"}\n\n"two"\n{"content": "three", "document": 4}\n'
    )
    assert texts(file) == [("one", "a-1"), ("two", None), ("three", "4")]


def test_tables_and_text_files(tmp_path: Path) -> None:
    table, lines, folder = tmp_path / "a.csv", tmp_path / "a.txt", tmp_path / "folder"
    table.write_text('id,text,document\n1,"one, two\nlines",d\n2,three,\n')
    lines.write_text("one\n\ntwo\n")
    folder.mkdir()
    (folder / "poem.txt").write_text("an old\npond")
    assert texts(table) == [("one, two\nlines", "d"), ("three", None)]
    assert texts(lines) == [("one", None), ("two", None)]
    assert texts(folder) == [("an old\npond", "poem")]


def test_empty_and_huge_texts_are_left_out(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    file.write_text("x" * (LONGEST + 1) + "\n\nfine\n")
    assert texts(file) == [("fine", None)]


@pytest.mark.parametrize(
    ("name", "content", "code", "said"),
    [
        ("a.jsonl", '{"text": "one"}\n{oops\n', "bad_source", "line 2 of a.jsonl"),
        ("a.jsonl", '{"words": "one"}\n', "bad_source", "row 1 of a.jsonl"),
        ("a.jsonl", "[1, 2]\n", "bad_source", "row 1"),
        ("a.parquet", "x", "no_source", "ends in .jsonl, .csv or .txt"),
        (None, "", "no_source", "folder of .txt files"),
    ],
)
def test_what_cannot_be_read_is_said(
    tmp_path: Path, name: str | None, content: str, code: str, said: str
) -> None:
    file = tmp_path / (name or "nowhere")
    if name is not None:
        file.write_text(content)
    with pytest.raises(Rejected, match=said) as refused:
        texts(file)
    assert refused.value.code == code
