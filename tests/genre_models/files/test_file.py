"""A file's name, its place and how it is packed."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from genre_models.files import file as files
from genre_models.files.file import File
from schemas.errors import Rejected


@pytest.mark.parametrize(
    ("name", "suffix", "is_json"),
    [
        ("a.CSV", ".csv", False),
        ("a.csv.GZ", ".csv", False),
        ("a.gz", "", False),
        ("a.JsonL", ".jsonl", True),
        ("a", "", False),
    ],
)
def test_a_name_says_the_same_in_capitals_and_packed(name: str, suffix: str, is_json: bool) -> None:
    plain, packed = File.of(b"some text", name), File.of(gzip.compress(b"some text"), name)
    assert (plain.suffix, plain.is_json, plain.text) == (suffix, is_json, "some text")
    assert plain == packed


def test_json_is_known_by_how_it_begins() -> None:
    assert File.of(b' \n{"text": "a"}', "a.csv").is_json
    assert File.of(b"[]", "a.txt").is_json


@pytest.mark.parametrize("data", [b"", b" \r\n", b"\xef\xbb\xbf", gzip.compress(b"")])
def test_an_empty_file_is_told(data: bytes) -> None:
    with pytest.raises(Rejected, match=r"in a\.csv, got an empty file"):
        File.of(data, "a.csv")


@pytest.mark.parametrize("data", [gzip.compress(b"text" * 99)[:-9], b"\x1f\x8b and no more"])
def test_a_broken_archive_is_told(data: bytes) -> None:
    with pytest.raises(Rejected, match=r"whole gzip data in a.csv.gz"):
        File.of(data, "a.csv.gz")


def test_what_is_too_large_is_told_also_when_it_was_packed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(files, "MOST", 1000)
    for data in (b"a" * 1001, gzip.compress(b"a" * 10_000)):
        with pytest.raises(Rejected, match=r"at most 1000 bytes in a\.csv, got more: split it"):
            File.of(data, "a.csv")


def test_what_is_no_file_is_told(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "nowhere", tmp_path / "a\0b", tmp_path / ("a" * 300)):
        with pytest.raises(Rejected) as refused:
            File.read(path)
        assert refused.value.code == "no_source"
