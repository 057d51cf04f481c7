from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from genre_models.safety.words import WordIndex

TEXTS = (
    "write a joke about the sea",
    "a poem about the sea",
    "terms of a contract",
    "joke, joke, joke!",
)


@given(st.lists(st.text("abc ,!", max_size=12), min_size=1, max_size=8))
def test_the_gram_matrix_holds_every_similarity(texts: list[str]) -> None:
    index = WordIndex(texts)
    rows = np.stack([index.similarity(text) for text in texts])
    np.testing.assert_allclose(index.gram(), rows, atol=1e-5)


def test_a_text_is_most_like_itself() -> None:
    index = WordIndex(TEXTS)
    for row, text in enumerate(TEXTS):
        scores = index.similarity(text)
        assert scores.argmax() == row and abs(scores[row] - 1) < 1e-5


def test_words_that_nobody_used_match_nothing() -> None:
    index = WordIndex(TEXTS)
    assert not index.similarity("zebra xylophone").any()
    assert index.similarity("joke zebra")[3] < index.similarity("joke")[3]


def test_only_the_beginning_counts() -> None:
    index = WordIndex(TEXTS)
    np.testing.assert_array_equal(index.similarity(" " * 1000 + "joke"), index.similarity(""))
