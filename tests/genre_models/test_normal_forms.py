"""Normal forms, however many marks stand on a letter."""

from __future__ import annotations

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from genre_models.normal_forms import MARKS, normalised

MARKED = st.text(alphabet="ae\u0315\u0300\u0301\u093c\u0958\u1100\u1161é")


@given(st.one_of(st.text(max_size=MARKS), MARKED.filter(lambda text: len(text) <= MARKS)))
def test_what_people_write_is_in_the_normal_form(text: str) -> None:
    assert normalised("NFC", text) == unicodedata.normalize("NFC", text)
    assert normalised("NFKD", text) == unicodedata.normalize("NFKD", text)


@given(MARKED, st.integers(1, 60))
def test_what_nobody_writes_is_cut_once(text: str, times: int) -> None:
    done = normalised("NFC", text * times)
    assert normalised("NFC", done) == done
    assert unicodedata.is_normalized("NFC", done)
