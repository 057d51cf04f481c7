"""Rows by tokens: in order, once, the last ones kept."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from genre_models.kept_rows import KeptRows, Tokens

TEXTS = st.lists(st.lists(st.integers(0, 3), min_size=1, max_size=80).map(tuple), min_size=1)


class Counting:
    """An encoder that gives the sum and the length of tokens, and remembers what it was given."""

    def __init__(self) -> None:
        self.given: list[list[Tokens]] = []

    def __call__(self, tokens: Sequence[Tokens]) -> NDArray[np.float32]:
        self.given.append(list(tokens))
        return np.array([[sum(each), len(each)] for each in tokens], np.float32)


@given(st.lists(TEXTS, min_size=1, max_size=5), st.integers(1, 8))
def test_rows_come_in_order_and_the_last_are_kept(asked: list[list[Tokens]], most: int) -> None:
    rows, encode = KeptRows(most), Counting()
    for tokens in asked:
        expected = [[sum(each), len(each)] for each in tokens]
        np.testing.assert_array_equal(rows.of(tokens, encode), expected)
        assert len(rows) <= most
    encode.given = []
    rows.of(asked[-1][-1:], encode)
    assert not encode.given or len({*asked[-1]}) > most


@given(TEXTS)
def test_batches_are_small_alike_and_of_texts_that_differ(tokens: list[Tokens]) -> None:
    encode = Counting()
    KeptRows(4).of(tokens, encode)
    encoded = [each for batch in encode.given for each in batch]
    assert sorted(encoded) == sorted({*tokens})
    for batch in encode.given:
        lengths = [len(each) for each in batch]
        assert len(batch) <= 32 and max(lengths) <= 2 * min(lengths) + 20


def test_a_kept_row_keeps_no_batch() -> None:
    rows = KeptRows(1)
    rows.of([(1,), (2,)], Counting())
    assert all(row.base is None for row in rows._kept.values())
