"""File formats that several extractors share."""

from __future__ import annotations

import csv
import gzip
import re
import zlib
from collections.abc import Iterator, Sequence
from email import message_from_bytes
from email.message import Message
from io import StringIO
from pathlib import Path

from genre_models.packages import Package, fetch

FORTUNE_FOLDER = "usr/share/games/fortunes"


def paragraphs(text: str) -> list[str]:
    """What stands between blank lines."""
    return [part.strip("\n") for part in re.split(r"\n\s*\n", text) if part.strip()]


def read(file: Path, encoding: str = "utf-8") -> str:
    """A text file; bytes that are none of its encoding become U+FFFD."""
    return file.read_text(encoding, "replace")


def table(text: str, delimiter: str = ",") -> Iterator[dict[str, str]]:
    """Rows of a CSV file with a header, by column."""
    return csv.DictReader(StringIO(text), delimiter=delimiter)


def fortunes(package: Package, cache: Path, *names: str) -> Iterator[tuple[str, str]]:
    """(document, text) of fortune files, without the lines that name authors."""
    for name in names:
        for number, text in enumerate(
            read(fetch(package, cache) / FORTUNE_FOLDER / name).split("\n%\n")
        ):
            yield f"{name}.{number}", re.sub(r"\n\s*--.*", "", text, flags=re.DOTALL)


def dictionary(package: Package, cache: Path, name: str, encoding: str = "utf-8") -> str:
    """The text of a dictd dictionary."""
    return gzip.decompress(
        (fetch(package, cache) / f"usr/share/dictd/{name}.dict.dz").read_bytes()
    ).decode(encoding)


def r_strings(data: bytes) -> Iterator[list[str]]:
    """The character vectors of an R lazy-load database.

    It holds zlib streams behind four bytes of length, each a serialized vector of strings (R
    Internals, 1.8), of which those of the native flags 0x00040009 are read.
    """
    while data:
        stream = zlib.decompressobj()
        vector, data = stream.decompress(data[4:]), stream.unused_data
        yield [found[1].decode() for found in _strings(vector)]


def _strings(vector: bytes) -> Iterator[tuple[int, bytes]]:
    at = vector.find(b"\x00\x04\x00\x09")
    while 0 <= at < len(vector):
        length = int.from_bytes(vector[at + 4 : at + 8], "big")
        yield length, vector[at + 8 : at + 8 + length]
        at = vector.find(b"\x00\x04\x00\x09", at + 8 + length)


def untagged(text: str) -> str:
    """A Brown corpus paragraph without tags (`The/at jury/nn said/vbd ./.`) and headlines (-hl)."""
    pairs = [token.rpartition("/") for token in text.split()]
    words = " ".join(word for word, _, tag in pairs if not tag.endswith("-hl"))
    words = re.sub(r" ([.,;:?!)\]]|'')", r"\1", re.sub(r"(``|[(\[]) ", r"\1", words))
    return re.sub(r"``|''", '"', re.sub(r"([.?!;:,])\1", r"\1", words))


def snippets(file: Path, together: int) -> Iterator[tuple[str, str]]:
    """(document, text) of a tab-separated file `ID_SENTENCE, rating, text`.

    A text is `together` sentences of one document.
    """
    of_document: dict[str, list[str]] = {}
    for line in read(file).splitlines():
        id, _, sentence = line.split("\t", 2)
        of_document.setdefault(id.partition("_")[0], []).append(sentence)
    for document, sentences in of_document.items():
        yield from ((document, " ".join(part)) for part in _parts(sentences, together))


def _parts(sentences: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    return (sentences[at : at + size] for at in range(0, len(sentences), size))


def mail(data: bytes) -> tuple[str, str] | None:
    """(subject, body) of a mail's plain part, without headers, quotations and signatures.

    None where it has no plain part.
    """
    message = message_from_bytes(data)
    body = next((part for part in message.walk() if part.get_content_type() == "text/plain"), None)
    if body is None:
        return None
    subject = re.sub(
        r"^(?:\s*(?:re|fwd?):|\s*\[[^\]]*\])*\s*",
        "",
        str(message["subject"] or ""),
        flags=re.IGNORECASE,
    )
    return " ".join(subject.split()), _own_words(body)


def _own_words(part: Message) -> str:
    raw = part.get_payload(decode=True)
    text = raw.decode("utf-8", "replace") if isinstance(raw, bytes) else ""
    text = re.split(r"\n-- ?\n|\n_{5,}|\n-{5,}|\n={5,}|\n\*{5,}", text)[0]
    if re.search(r"^\s*(?:From|To|Subject|Date):", text, re.MULTILINE):
        return ""
    text = re.sub(r"(?m)^(?:.*(?:wrote|writes|said):?\s*|\s*[>|:].*)$", "", text)
    return "\n".join(" ".join(part.split()) for part in paragraphs(text))
