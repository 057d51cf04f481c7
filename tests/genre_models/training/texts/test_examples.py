from __future__ import annotations

import random

import pytest

from genre_models.training.texts.examples import NAMED, Example, batches


def test_batches_hold_every_index_once_and_similar_lengths() -> None:
    lengths = [random.Random(i).randrange(100) for i in range(130)]
    made = list(batches(range(130), lengths, 8))
    assert sorted(index for batch in made for index in batch) == list(range(130))
    spread = [max(lengths[i] for i in batch) - min(lengths[i] for i in batch) for batch in made]
    assert sum(spread) / len(spread) < 15


@pytest.mark.parametrize(("named", "others"), [(1, 150), (2, 30), (4, 40)])
def test_words_that_are_named_weigh_the_same_share_however_few_they_are(
    named: int, others: int
) -> None:
    counts = Example((), 0, (True,) * named + (False,) * others).counts
    assert sum(counts[:named]) / sum(counts) == pytest.approx(NAMED)
    assert set(counts[named:]) == {1.0}


@pytest.mark.parametrize("named", [(), (False, False), (True, True), (True, False, True)])
def test_no_token_counts_less_than_once(named: tuple[bool, ...]) -> None:
    assert set(Example((), 0, named).counts) <= {1.0}
