"""Texts from files, and the one line that says what is wrong with one."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from genre_models.training.texts import sources
from genre_models.training.texts.sources import LONGEST, read_source
from schemas.errors import Rejected


def texts(place: Path | str, column: str | None = None) -> list[tuple[str, str | None]]:
    return [(source.text, source.document) for source in read_source(str(place), column)]


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
    (folder / "poem.TXT").write_text("an old\npond")
    (folder / "empty.txt").write_text("")
    (folder / "._poem.txt").write_bytes(b"\0\5\x16\7" * 99)
    (folder / "zoo.txt.gz").write_bytes(gzip.compress(b"a frog"))
    assert texts(table) == [("one, two\nlines", "d"), ("three", None)]
    assert texts(lines) == [("one", None), ("two", None)]
    assert texts(folder) == [("an old\npond", "poem"), ("a frog", "zoo.txt")]


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.CSV", "\ufeffTEXT;id\r\nA café, naïve;1\r\n".encode()),
        ("a.csv.gz", gzip.compress('text,id\n"A café, naïve",1\n'.encode())),
        ("a.csv", "text\tid\r\nA café, naïve\t1\r\n".encode("utf-16")),
        ("a.txt", "id\tText\r\n1\tA café, naïve\r\n".encode("utf-16")),
        ("a.txt", "A café, naïve\r\n".encode("cp1252")),
        ("a.tsv", 'Text\tid\n"A café, \x00naïve"\t1\n'.encode()),
        ("A.JSONL", '\ufeff{"Text": "A caf\\u00e9, na\u00efve \\ud83d"}\r\n'.encode()),
        ("a.json", '[{"body": "A café, naïve"}]'.encode()),
        ("a.csv", '{"body": "A café, naïve"},\n'.encode()),
        ("poem.txt", b"A caf\xc3\xa9, na\xc3\xafve\xed\xa0\xbd\n"),
    ],
)
def test_a_text_is_read_however_it_was_saved(tmp_path: Path, name: str, data: bytes) -> None:
    (tmp_path / name).write_bytes(data)
    assert [text.strip() for text, _ in texts(tmp_path / name)] == ["A café, naïve"]


def test_another_column_is_read_where_it_is_named(tmp_path: Path) -> None:
    table, lines = tmp_path / "a.csv", tmp_path / "a.jsonl"
    table.write_text("Joke,text\none,two\n")
    lines.write_text('{"joke": "one", "text": "two"}\n')
    assert texts(table, " joke") == texts(lines, "Joke") == [("one", None)]


def test_what_is_left_out_is_told_with_its_first_place(tmp_path: Path) -> None:
    file, told = tmp_path / "a.csv", list[str]()
    long = {"text": "fine", "request": "r" * (sources.LONGEST_REQUEST + 1)}
    file.write_text(f"id,text\n1,\n2,{'x' * (LONGEST + 1)}\n3,fine\n4, \n")
    assert [each.text for each in read_source(str(file), tell=told.append)] == ["fine"]
    file.write_text(json.dumps(long))
    assert list(read_source(str(file), tell=told.append)) == []
    assert told == [
        "left out 2 without a text, the first in line 2 of a.csv",
        f"left out 1 of more than {LONGEST} characters, the first in line 3 of a.csv",
        "left out 1 with a request of more than 32768 characters, the first in line 1 of a.csv",
    ]


def test_a_guessed_encoding_is_told_once_for_a_folder(tmp_path: Path) -> None:
    told = list[str]()
    for name in ("a.txt", "b.txt", "c.txt"):
        (tmp_path / name).write_bytes("café".encode("cp1252"))
    assert [each.text for each in read_source(str(tmp_path), tell=told.append)] == ["café"] * 3
    assert told == ["a.txt and 2 more: read as Windows-1252, because it is no UTF-8"]


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ("https://example.com/a?b=c", "https:--example.com-a?b=c"),
        (" ", None),
        (7.0, "7.0"),
        ("..", 64),
        ("a\u200bb", 64),
        ("x" * 300, 64),
    ],
)
def test_any_name_of_a_document_becomes_one_that_an_event_may_hold(
    tmp_path: Path, document: object, expected: str | int | None
) -> None:
    file = tmp_path / "a.jsonl"
    file.write_text(json.dumps({"text": "one", "document": document}))
    ((_, found),) = texts(file)
    assert (len(found or "") if isinstance(expected, int) else found) == expected


@pytest.mark.parametrize(
    ("name", "content", "code", "said"),
    [
        ("a.jsonl", '{"text": "one"}\n{oops\n', "bad_source", "line 2 of a.jsonl"),
        ("a.jsonl", '{"words": "one"}\n', "bad_source", "line 1 of a.jsonl, got 'words'"),
        ("a.jsonl", "[1, 2]\n", "bad_source", "line 1 of a.jsonl, got int"),
        (
            "a.jsonl",
            '{"text": "one"}\n\n{"text": null}\n',
            "bad_source",
            "field 'text' in line 3 of a.jsonl, got null",
        ),
        ("a.jsonl", '{"text": ["one"]}\n', "bad_source", "line 1 of a.jsonl, got str"),
        ("a.csv", "one,two\nthree,four\n", "bad_source", "--column names another"),
        ("a.csv", "id,text\n1\n", "bad_source", "'text' in line 2 of a.csv, got null, or a row"),
        ("a.jsonl", '{"text": "one", "Text": "two"}', "bad_source", "each name once in line 1"),
        # A line that is a whole conversation, and not an array of texts.
        ("a.jsonl", '[{"role": "user", "content": "one"}]', "bad_source", "got one message"),
        ("a.md", "one", "no_source", r"ends in .jsonl, .json, .csv"),
        ("a.csv", "", "bad_source", "an empty file"),
        ("a.csv", "PK\3\4", "bad_source", "save it as CSV UTF-8"),
        (None, "", "no_source", "folder of .txt files"),
        ("folder/a.csv", "text\none", "no_source", "in the folder .*, got none: name one file"),
    ],
)
def test_what_cannot_be_read_is_said(
    tmp_path: Path, name: str | None, content: str, code: str, said: str
) -> None:
    file = tmp_path / (name or "nowhere")
    if name is not None:
        file.parent.mkdir(exist_ok=True)
        file.write_text(content)
    with pytest.raises(Rejected, match=said) as refused:
        texts(file.parent if file.parent.name == "folder" else file)
    assert refused.value.code == code and "\n" not in refused.value.message


@pytest.mark.parametrize("place", ["", "a" * 300, "a" * 300 + ".csv"])
def test_a_name_that_names_nothing_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "other.txt").write_text("one\n")
    with pytest.raises(Rejected) as refused:
        list(sources.read_source(place))
    assert refused.value.code == "no_source"


def test_a_folder_that_cannot_be_listed_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(folder: Path) -> Any:
        raise PermissionError(13, "Permission denied", str(folder))

    monkeypatch.setattr(Path, "iterdir", refuse)
    with pytest.raises(Rejected, match="Permission denied") as refused:
        texts(tmp_path)
    assert refused.value.code == "no_source"


@pytest.mark.parametrize("row", [{"text": None}, {"text": 4}, {"words": "one"}])
def test_a_row_of_a_data_set_without_a_text_is_named(
    monkeypatch: pytest.MonkeyPatch, row: dict[str, Any]
) -> None:
    monkeypatch.setattr(sources, "data_set", lambda name: iter([(1, {"text": "a"}), (2, row)]))
    with pytest.raises(Rejected, match="in row 2 of the data set jokes"):
        texts("datasets:jokes")
