"""From a file's bytes to its text, by rules that are stated and, where they guess, told."""

from __future__ import annotations

import codecs
import re
from typing import NamedTuple

from schemas.errors import Rejected

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, with whose mark it begins
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# What is no text at all, by the first bytes that its format prescribes.
_FORMATS = (
    (b"PK\x03\x04", "an Excel workbook or another zip archive: save it as CSV UTF-8"),
    (b"PK\x05\x06", "an empty zip archive: name the file that you mean"),
    (b"\xd0\xcf\x11\xe0", "an old Excel or Word file: save it as CSV UTF-8"),
    (b"%PDF", "a PDF: save its text"),
    (b"PAR1", "Parquet: end its name in .parquet"),
    (b"{\\rtf", "Rich Text: save it as plain text"),
    (b"SQLite format 3\0", "a database: export the table as CSV UTF-8"),
    (b"BZh91AY&SY", "bzip2 data: unpack it first"),
    (b"\xfd7zXZ\0", "xz data: unpack it first"),
    (b"\x28\xb5\x2f\xfd", "zstd data: unpack it first"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive: unpack it first"),
)
_LOOKED_AT = 4096  # bytes, for the zeros that every second byte of Western UTF-16 is
_CONTROL = re.compile(r"[\x01-\x08\x0e-\x1a\x1c-\x1f]")
# A sign between two letters, as another encoding that is read as Windows-1252 leaves it.
_WITHIN_WORD = re.compile(r"(?<=[^\W\d_])[\xa2-\xa9\xac-\xb4\xb6\xb8\xb9\xbc-\xbf](?=[^\W\d_])")
_EMOJI = b"\xf0\x9f"  # begins every emoji in UTF-8; Windows-1252 would mean a word with "ðŸ"
LEAST_ZERO = 0.6  # share of one half of the bytes, in UTF-16 of a Western language
MOST_FOREIGN = 0.3  # share of letters beyond ASCII; Icelandic has 0.12, misread Cyrillic nearly 1
MOST_ODD = 0.1  # share of the characters beyond ASCII that stand within words and are no letters
MOST_CONTROL = 0.01  # share of control characters
SOME = 5  # of them, in a text however short


class Decoded(NamedTuple):
    """A text with `\\n` at line ends, and what people should know about how it was read."""

    text: str
    notes: list[str]


def decoded(data: bytes, name: str) -> Decoded:
    """The text of a file: by its byte order mark, else UTF-8, else Windows-1252 if it may be.

    Of characters cut in half the rest is left out, and so are NULs. Raises Rejected `bad_source`.
    """
    for start, what in _FORMATS:
        if data.startswith(start):
            raise Rejected("bad_source", f"Expected text in {name}, got {what}.")
    text, notes = _by_mark(data, name)
    if len(_CONTROL.findall(text)) > max(MOST_CONTROL * len(text), SOME):
        raise Rejected("bad_source", f"Expected text in {name}, got binary data.")
    if "\0" in text:
        where = text.count("\n", 0, text.index("\0")) + 1
        notes.append(f"NUL characters left out, the first in line {where}")
        text = text.replace("\0", "")
    # DOS ended a text with a character of its own.
    text = text.replace("\r\n", "\n").replace("\r", "\n").removesuffix("\x1a")
    return Decoded(whole(text), notes)


def whole(text: str) -> str:
    """Surrogates joined to the characters that they are halves of; what has lost its half, dropped.

    >>> whole("\\ud83d\\ude00 half \\ud83d")
    '😀 half '
    """
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "ignore")
    return text


def _by_mark(data: bytes, name: str) -> Decoded:
    for mark, encoding in _MARKS:
        if data.startswith(mark) and encoding != "utf-8":
            return Decoded(_strictly(data[len(mark) :], encoding, name), [])
    data = data.removeprefix(codecs.BOM_UTF8)
    sample = data[:_LOOKED_AT]
    even, odd = sample[::2], sample[1::2]
    for encoding, zeros, others in (("utf-16-le", odd, even), ("utf-16-be", even, odd)):
        # Zeros in both halves are those of a file that was never filled.
        if zeros.count(0) > LEAST_ZERO * len(zeros) and others.count(0) < zeros.count(0) / 2:
            return Decoded(_strictly(data, encoding, name), [f"read as {encoding.upper()}"])
    try:
        # Programs that cut a text between the halves of an emoji write them one by one.
        return Decoded(data.decode("utf-8", "surrogatepass"), [])
    except UnicodeDecodeError as error:
        return _without_utf8(data, error, name)


def _strictly(data: bytes, encoding: str, name: str) -> str:
    try:
        return data.decode(encoding, "surrogatepass")
    except UnicodeDecodeError as error:
        line = data[: error.start].decode(encoding, "ignore").count("\n") + 1
        raise Rejected(
            "bad_source",
            f"Expected {encoding.upper()} in line {line} of {name}, got half a character: "
            "save it again, as UTF-8.",
        ) from error


def _without_utf8(data: bytes, error: UnicodeDecodeError, name: str) -> Decoded:
    line = data.count(b"\n", 0, error.start) + 1
    known = data.decode("utf-8", "ignore")
    beyond = sum(not character.isascii() for character in known)
    lost = len(data) - len(known.encode())
    if _EMOJI in data or beyond > lost:
        return Decoded(known, [f"bytes that are no UTF-8 left out, the first in line {line}"])
    try:
        text = data.decode("cp1252")
    except UnicodeDecodeError:
        text = ""
    if _is_western(text):
        return Decoded(text, ["read as Windows-1252, because it is no UTF-8"])
    raise Rejected(
        "bad_source",
        f"Expected UTF-8 in line {line} of {name}, got another encoding: "
        "save it as UTF-8 (in Excel 'CSV UTF-8').",
    )


def _is_western(text: str) -> bool:
    """Whether Windows-1252 is what the text was written in, not what it happens to decode as."""
    letters = [character for character in text if character.isalpha()]
    foreign = sum(not letter.isascii() for letter in letters)
    beyond = sum(not character.isascii() for character in text)
    odd = len(_WITHIN_WORD.findall(text))
    return bool(text) and foreign <= MOST_FOREIGN * len(letters) and odd <= MOST_ODD * beyond
