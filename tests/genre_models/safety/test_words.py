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
    scores = index.scores(np.eye(len(texts)))
    rows = np.stack([scores.of(text) for text in texts])
    for step in (1, 2):
        places = np.arange(0, len(texts), step)
        np.testing.assert_allclose(index.gram(places), rows[:, places], atol=1e-5)


def test_scores_are_sums_over_texts() -> None:
    each, factors = WordIndex(TEXTS).scores(np.eye(4)), np.array([[1, 0], [-2, 1], [3, 0], [4, 5]])
    found = WordIndex(TEXTS).scores(factors).of("a joke about the contract")
    np.testing.assert_allclose(found, each.of("a joke about the contract") @ factors, atol=1e-5)


def test_a_text_is_most_like_itself() -> None:
    index = WordIndex(TEXTS).scores(np.eye(4))
    for row, text in enumerate(TEXTS):
        scores = index.of(text)
        assert scores.argmax() == row and abs(scores[row] - 1) < 1e-5


def test_words_that_nobody_used_match_nothing() -> None:
    index = WordIndex(TEXTS).scores(np.eye(4))
    assert not index.of("zebra xylophone").any()
    assert index.of("joke zebra")[3] < index.of("joke")[3]


def test_only_the_beginning_counts() -> None:
    index = WordIndex(TEXTS).scores(np.eye(4))
    np.testing.assert_array_equal(index.of(" " * 1000 + "joke"), index.of(""))
