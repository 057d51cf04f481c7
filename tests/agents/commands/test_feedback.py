from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from agents.commands.feedback import cli, read
from genre_models.files import File
from schemas.errors import GenreError
from schemas.feedback import Feedback

CSV = """user,text,genre,signal,time
ada,A rose is red.,poetry,like,2026-10-01T08:00:00Z
bea,,joke,rating:2,
,,joke,like,
"""
LINES = (
    '{"user": "ada", "genre": "joke", "signal": 0.25}\n'
    '{"user": "ada", "genre": "joke", "signal": "adored"}\nnonsense\n'
)


def reactions(file: Path) -> list[Feedback]:
    return [line.feedback for line in read(File.read(file)) if line.feedback]


@pytest.mark.parametrize(
    ("name", "content", "values", "refused"),
    [("f.csv", CSV, [1.0, 0.25], [4]), ("f.jsonl", LINES, [0.25], [2, 3])],
)
def test_every_line_is_a_reaction_or_told_by_its_number(
    tmp_path: Path, name: str, content: str, values: list[float], refused: list[int]
) -> None:
    (tmp_path / name).write_text(content)
    lines = list(read(File.read(tmp_path / name)))
    assert [line.feedback.value for line in lines if line.feedback] == values
    assert [line.number for line in lines if line.feedback is None] == refused
    assert reactions(tmp_path / name) == [line.feedback for line in lines if line.feedback]


def test_a_file_can_be_checked_without_kafka(tmp_path: Path) -> None:
    (tmp_path / "f.csv").write_text(CSV)
    found = CliRunner().invoke(cli, ["import", str(tmp_path / "f.csv"), "--dry-run"])
    assert found.exit_code == 1
    assert "valid 2, refused 1" in found.output


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("f.CSV", b"\xef\xbb\xbfUSER;Genre;Signal;Time\r\n7;joke;0,8;05.01.2026 10:00\r\n;;;\r\n"),
        (
            "f.txt",
            "user\tgenre\tsignal\ttime\r\n7\tjoke\t0,8\t05.01.2026 10:00:00".encode("utf-16"),
        ),
        ("f.csv", b"sep=;\nuser;genre;signal;time\n 7 ; joke ; 0.8 ;2026-01-05T10:00\n"),
        ("f.json", b'[{"User": 7, "genre": "joke", "signal": 0.8, "time": "2026-01-05 10:00"}]'),
        ("f.data", b'{"user": "7", "genre": "joke", "signal": "0,8", "time": "20260105T10"},\n'),
        ("f.csv", b"user,text,genre,signal,time\n7,,joke,0.8,2026-01-05 10:00:00\n"),
    ],
)
def test_a_reaction_is_the_same_however_it_was_saved(
    tmp_path: Path, name: str, data: bytes
) -> None:
    (tmp_path / name).write_bytes(data)
    (found,) = reactions(tmp_path / name)
    assert (found.user_id, found.genre, found.value) == ("7", "joke", 0.8)
    assert found.time is not None and found.time.isoformat() == "2026-01-05T10:00:00+00:00"
    (tmp_path / "again.csv").write_text(
        "user,genre,signal,time\n7,joke,0.8,2026-01-05T10:00:00+00:00\n"
    )
    assert reactions(tmp_path / "again.csv") == [found]


def test_a_text_keeps_its_characters(tmp_path: Path) -> None:
    (tmp_path / "f.csv").write_bytes(
        'user,text,signal\r\nada,"Ein ""Café"",\r\noder zwei\0",like\r\n'.encode("cp1252")
    )
    assert [each.text for each in reactions(tmp_path / "f.csv")] == ['Ein "Café",\noder zwei']


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("f.csv", b"ada,joke,like\n", "columns user, signal, and text or genre in line 1 of f.csv"),
        ("f.csv", b"user,genre,signal\n", "got a header alone"),
        ("f.csv", b"", "in f.csv, got an empty file"),
        ("f.csv", b'user,genre,signal\nada,"joke,like\nbea,joke,like\n', "in line 2 of f.csv"),
        ("f.csv", b"user,genre,signal\nada,joke,like,more\n", "3 cells, .* in line 2"),
        ("f.csv", b"user,genre,signal,user\nada,joke,like,bea\n", "one column user"),
        ("f.csv", b"user,genre,signal\nada,joke\nbea\n", "2 lines that are none, such as line 2: "),
        ("f.jsonl", b'{"user": "ada"}', r"line 1: expected a signal \(.*, got none"),
        ("f.jsonl", b'{"user": ["a"], "genre": "joke", "signal": 1}', "a text in user"),
        ("f.jsonl", b'{"user": "a", "User": "b", "genre": "joke", "signal": 1}', "each name once"),
        ("f.jsonl", b'{"user": "a", "text": 123456789012345678901, "signal": 1}', "text in text"),
        ("f.jsonl", b'{"user": "a", "genre": "joke", "signal": 1, "time": 1767607200}', "RFC3339"),
        ("f.csv", b"user,genre,signal,time\na,joke,1,5/1/2026\n", "RFC3339"),
    ],
)
def test_a_file_without_a_reaction_is_refused_in_a_line(
    tmp_path: Path, name: str, data: bytes, said: str
) -> None:
    (tmp_path / name).write_bytes(data)
    result = CliRunner().invoke(cli, ["import", str(tmp_path / name), "--dry-run"])
    assert isinstance(result.exception, GenreError)
    with pytest.raises(GenreError, match=said):
        raise result.exception
    assert "\n" not in result.exception.message


def test_many_bad_lines_are_told_in_few(tmp_path: Path) -> None:
    (tmp_path / "f.csv").write_text("user,genre,signal\nada,joke,like\n" + "ada,joke,adored\n" * 50)
    result = CliRunner().invoke(cli, ["import", str(tmp_path / "f.csv"), "--dry-run"])
    assert result.exit_code == 1
    assert len(result.output.splitlines()) == 22 and "and 30 more lines" in result.output
