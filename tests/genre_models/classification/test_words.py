from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from genre_models.classification.words import BUCKETS, bag, bags, rarity

TEXTS = ["write a joke about the sea", "a poem about the sea", "joke, joke, joke!"]


@given(st.lists(st.text("abc ,!", max_size=12), max_size=8))
def test_a_row_holds_the_bag_of_its_text(texts: list[str]) -> None:
    rows = bags(texts)
    assert rows.shape == (len(texts), BUCKETS)
    for row, text in enumerate(texts):
        buckets, weights = bag(text)
        expected = np.zeros(BUCKETS, np.float32)
        np.add.at(expected, buckets, weights)
        np.testing.assert_allclose(rows[row].toarray().ravel(), expected)


def test_words_and_pairs_of_words_count_once_more_with_every_repetition() -> None:
    assert len(bag("the sea")[0]) == 3
    _, [weight] = bag("joke")
    _, weights = bag("joke joke")
    assert abs(weight) == 1 and max(abs(weights)) > 1


def test_what_many_say_weighs_less() -> None:
    idf = rarity(bags(TEXTS))
    (everywhere, *_), (once, *_) = bag("the")[0], bag("poem")[0]
    assert idf[everywhere] < idf[once]


def test_only_the_beginning_counts() -> None:
    assert not len(bag(" " * 1000 + "joke")[0]) and not len(bag("")[0])
