"""Plain characters, nobody's address, no markup."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genre_models.corpora.cleaning import is_prose, tidy, without_contacts


@given(st.text(), st.booleans())
def test_tidy_is_done_at_once(content: str, lines: bool) -> None:
    done = tidy(content, lines)
    assert tidy(done, lines) == done and done == done.strip()
    assert lines or "\n" not in done


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("Write to j.doe+x@mail.example.co.uk, please.", "Write to name@example.com, please."),
        ("See http://a.org/b?c=1&d=2.", "See https://example.com."),
        ("(Look at www.shop.com/sale)", "(Look at https://example.com)"),
        ("Call 020 7946 0018 or +1 (212) 555-7788 now", "Call 555-0100 or 555-0100 now"),
        ("Ring 212-555-7788.", "Ring 555-0100."),
    ],
)
def test_contacts_reach_nobody(before: str, after: str) -> None:
    assert without_contacts(before) == after


@pytest.mark.parametrize("made", ["212-" * 2000 + "555-7788", "212-" * 20 + "555-7788"])
def test_nothing_is_left_of_numbers_that_make_numbers_for_ever(made: str) -> None:
    assert without_contacts(made) == ""
    assert without_contacts("212-555-7788, or 212-212-555-7788") == "555-0100, or 555-0100"


@pytest.mark.parametrize(
    "plain",
    [
        "From 1914 to 1918, and 1939-1945.",
        "$1,200,000,000 were spent",
        "Room 101 at 10:30",
        "an e.g. and an i.e.",
        "3.14159265",
    ],
)
def test_numbers_that_are_no_telephone_stay(plain: str) -> None:
    assert without_contacts(plain) == plain


@pytest.mark.parametrize(
    "bad", ["a <br> b c d", "1 2 3 4 5 6 7 8 9", "broken \ufffd letters here", "{{cite}} it"]
)
def test_what_is_no_prose(bad: str) -> None:
    assert not is_prose(bad)
