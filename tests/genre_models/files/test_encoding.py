"""Bytes as editors, spreadsheets and careless programs write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genre_models.files.encoding import decoded
from schemas.errors import Rejected

WRITTEN = "text\n“The firm\u2019s café, naïve \u2013 €5”\n😀\n"
WESTERN = WRITTEN.replace("😀", "ß")


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (WRITTEN.encode(), WRITTEN),
        (WRITTEN.encode("utf-8-sig"), WRITTEN),
        (WRITTEN.encode("utf-16"), WRITTEN),
        (b"\xfe\xff" + WRITTEN.encode("utf-16-be"), WRITTEN),
        (WRITTEN.encode("utf-32"), WRITTEN),
        (WRITTEN.replace("\n", "\r\n").encode(), WRITTEN),
        (WRITTEN.replace("\n", "\r").encode(), WRITTEN),
        (b"a\r\nb\x1a", "a\nb"),
        # An emoji as two surrogates, and the first half of one: what programs write that cut texts.
        (b"\xed\xa0\xbd\xed\xb8\x80 half \xed\xa0\xbd.", "😀 half ."),
    ],
)
def test_what_is_stated_or_utf8_is_read_without_a_word(data: bytes, text: str) -> None:
    assert decoded(data, "a.csv") == (text, [])


@pytest.mark.parametrize(
    ("data", "text", "said"),
    [
        (WESTERN.encode("cp1252"), WESTERN, "read as Windows-1252"),
        (WRITTEN.encode("utf-16-le"), WRITTEN, "read as UTF-16-LE"),
        (WRITTEN.encode("utf-16-be"), WRITTEN, "read as UTF-16-BE"),
        (b"some\n\n\x00text\x00", "some\n\ntext", "NUL characters left out, the first in line 3"),
        (
            b"text\none\n" + bytes(9000),
            "text\none\n",
            "NUL characters left out, the first in line 3",
        ),
        # A text that was cut by bytes, and one that was written with surrogate escapes.
        (b"one\nha \xf0\x9f\x98\nhe", "one\nha \nhe", "no UTF-8 left out, the first in line 2"),
        (WRITTEN.encode() + b"caf\xc3", WRITTEN + "caf", "the first in line 4"),
    ],
)
def test_a_guess_is_told(data: bytes, text: str, said: str) -> None:
    found = decoded(data, "a.csv")
    assert found.text == text
    (note,) = found.notes
    assert said in note


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ("Привет, как дела? Хорошо.".encode("cp1251"), "Expected UTF-8 in line 1"),
        ("a\nzażółć gęślą jaźń".encode("cp1250"), "Expected UTF-8 in line 2"),
        ("こんにちは、元気ですか".encode("shift-jis"), "Expected UTF-8"),
        (b"a\xffb\x81c", "save it as UTF-8"),
        (b"PK\x03\x04 and so on", "an Excel workbook"),
        (b"PK\x05\x06" + bytes(18), "an empty zip"),
        (b"{\\rtf1 text}", "Rich Text: save it"),
        (b"BZh91AY&SY\0\1", "bzip2 data: unpack it"),
        (b"\x28\xb5\x2f\xfd\0", "zstd data: unpack it"),
        (b"\xd0\xcf\x11\xe0", "old Excel"),
        (bytes(range(1, 32)) * 9, "binary data"),
        ("é".encode("utf-16")[:3], "half a character"),
    ],
)
def test_what_nobody_can_read_is_refused_with_what_to_do(data: bytes, said: str) -> None:
    with pytest.raises(Rejected, match=said) as refused:
        decoded(data, "a.csv")
    assert refused.value.code == "bad_source" and "a.csv" in refused.value.message


@given(st.binary(max_size=200))
def test_whatever_the_bytes_it_is_a_text_or_one_refusal(data: bytes) -> None:
    try:
        text, _ = decoded(data, "a.csv")
    except Rejected as error:
        assert "\n" not in error.message
    else:
        assert not {"\r", "\0"} & set(text)
        text.encode()
