"""Pairs of texts for a reader who does not know which is whose."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from benchmarks.texts.wanted import SEED, Wanted
from benchmarks.texts.writers import Shown

PREFACE = """\
Which text answers its request better, A or B? Would you send it as it is? Say why in a word.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two texts for one request in random order, and which of them (`a` or `b`) is the product's.

    `number` counts from 1.
    """

    number: int
    wanted: Wanted
    a: str
    b: str
    product: str


def paired(
    wanted: Sequence[Wanted], base: Sequence[Shown], product: Sequence[Shown]
) -> Iterator[Pair]:
    """All pairs, in random order."""
    chance = random.Random(SEED)
    rows = list(zip(wanted, base, product, strict=True))
    for number, (each, plain, ours) in enumerate(chance.sample(rows, len(rows)), 1):
        first, second = plain.text, ours.text
        is_first = chance.random() < 0.5
        yield Pair(
            number=number,
            wanted=each,
            a=second if is_first else first,
            b=first if is_first else second,
            product="a" if is_first else "b",
        )


def key_of(file: Path) -> Path:
    """Where the key lies."""
    return file.with_name(f"{file.stem}.key.jsonl")


def save(file: Path, pairs: Sequence[Pair]) -> None:
    """Write the pairs, as Markdown where the file's name ends with `.md`, else as JSON lines.

    The key goes into a file beside it.
    """
    write = _markdown if file.suffix == ".md" else _lines
    file.write_bytes(write(pairs))
    key = [{"number": each.number, "product": each.product} for each in pairs]
    key_of(file).write_bytes(msgspec.json.Encoder().encode_lines(key))


def _lines(pairs: Sequence[Pair]) -> bytes:
    rows = [
        {
            "number": each.number,
            "genre": each.wanted.genre,
            "request": each.wanted.request,
            "a": each.a,
            "b": each.b,
        }
        for each in pairs
    ]
    return msgspec.json.Encoder().encode_lines(rows)


def _markdown(pairs: Sequence[Pair]) -> bytes:
    parts = [PREFACE]
    for each in pairs:
        parts.append(f"## {each.number}. {each.wanted.genre.replace('_', ' ')}\n")
        named = {"Request": each.wanted.request, "A": each.a, "B": each.b}
        parts += [f"**{name}**\n\n{_quoted(text)}\n" for name, text in named.items()]
    return "\n".join(parts).encode()


def _quoted(text: str) -> str:
    """A block in which nothing is mark-up, between more backticks than the text has in a row."""
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{fence}text\n{text or '(nothing)'}\n{fence}"
