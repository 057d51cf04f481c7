"""Terms: which of two workers owned a partition of a changelog later.

Whoever takes a partition over writes under a term above all that stand in it. So a record whose
term is below one before it was written by a worker that had lost the partition and did not know.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

TERM = "__genre.term"
"""The header of a changelog's record: its term, a slash, and who wrote it."""
_MOST = 2**62


@dataclass(frozen=True, slots=True)
class Stamp:
    """Under which term a record was written, and by whom."""

    term: int
    writer: str

    def header(self) -> tuple[str, bytes]:
        """The header that says so."""
        return TERM, f"{self.term}/{self.writer}".encode()


def above(term: int) -> int:
    """The next term, or the same where it is the last that can be read: somebody made that up."""
    return min(term + 1, _MOST)


def stamp_of(headers: Iterable[tuple[str, Any]]) -> Stamp | None:
    """The stamp of a record; None where it has none that can be read."""
    for name, value in headers:
        if name == TERM:
            term, _, writer = bytes(value or b"").decode("ascii", "replace").partition("/")
            if term.isdecimal() and len(term) < 20 and int(term) <= _MOST:
                return Stamp(int(term), writer)
    return None


@dataclass(slots=True)
class Terms:
    """The highest term of each partition of one changelog, as its records go by in order."""

    highest: dict[int, int] = field(default_factory=dict)

    def admits(self, partition: int, headers: Iterable[tuple[str, Any]]) -> bool:
        """Whether a record counts.

        One without a stamp does: it is from an earlier version, or was put there by hand.
        """
        stamp, highest = stamp_of(headers), self.highest.get(partition, 0)
        if stamp is None:
            return True
        self.highest[partition] = max(highest, stamp.term)
        return stamp.term >= highest
