"""Readers of the sources' formats."""

from __future__ import annotations

import zlib
from pathlib import Path

import pytest

from genre_models.corpora.readers import mail, r_strings, snippets, untagged


def test_strings_of_an_r_database() -> None:
    lines = ["FERRY", "", "A boat."]
    vector = b"X\n....." + b"".join(
        b"\x00\x04\x00\x09" + len(line).to_bytes(4, "big") + line.encode() for line in lines
    )
    stored = len(vector).to_bytes(4, "big") + zlib.compress(vector)
    assert list(r_strings(stored * 2)) == [lines, lines]


def test_brown_paragraphs_lose_their_tags() -> None:
    tagged = "Chapter/nn-hl The/at ferry/nn ,/, old/jj ,/, said/vbd ``/`` no/rb ''/'' ./."
    assert untagged(tagged) == 'The ferry, old, said "no".'


def test_snippets_stay_within_their_document(tmp_path: Path) -> None:
    (tmp_path / "s.txt").write_text(
        "1_1\t0.1\tOne.\n1_2\t0.2\tTwo.\n1_3\t0.3\tThree.\n2_1\t0.1\tFour.\n"
    )
    assert list(snippets(tmp_path / "s.txt", 2)) == [
        ("1", "One. Two."),
        ("1", "Three."),
        ("2", "Four."),
    ]


@pytest.mark.parametrize(
    ("body", "own"),
    [
        ("I agree\nwith that.\n\nAnn\n-- \nAnn, ferries\n", "I agree with that.\nAnn"),
        ("Bo wrote:\n> old words\n\nNew words.\n", "New words."),
        ("From: Bo\nForwarded words\n", ""),
    ],
)
def test_of_a_mail_its_own_words_are_kept(body: str, own: str) -> None:
    found = mail(f"From: a@b\nSubject: Re: [list] The ferry\n\n{body}".encode())
    assert found == ("The ferry", own)
