"""A record counts unless one of a later owner stands before it."""

from __future__ import annotations

import pytest

from streams.wire.terms import TERM, Stamp, Terms, stamp_of

NONE: tuple[tuple[str, bytes], ...] = ()


def under(term: int, writer: str = "w") -> list[tuple[str, bytes]]:
    return [Stamp(term, writer).header()]


def test_a_stamp_is_read_as_it_was_written() -> None:
    assert stamp_of([("x", b""), Stamp(7, "me").header()]) == Stamp(7, "me")


@pytest.mark.parametrize(
    "value", [None, b"", b"/", b"-1/w", b"1e9/w", "\u0663/w".encode(), b"9" * 5000, b"\xff\xfe"]
)
def test_what_is_no_stamp_is_none(value: bytes | None) -> None:
    assert stamp_of([(TERM, value)]) is None


def test_what_an_earlier_owner_wrote_after_a_later_one_does_not_count() -> None:
    terms = Terms()
    records = [(0, under(3)), (0, under(5)), (0, under(3)), (1, under(3)), (0, under(5))]
    assert [terms.admits(*record) for record in records] == [True, True, False, True, True]


def test_what_has_no_stamp_counts_and_changes_nothing() -> None:
    terms = Terms()
    records = [NONE, under(5), NONE, under(4)]
    assert [terms.admits(0, headers) for headers in records] == [True, True, True, False]
