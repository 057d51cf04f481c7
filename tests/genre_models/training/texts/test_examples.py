from __future__ import annotations

import random

from genre_models.training.texts.examples import batches


def test_batches_hold_every_index_once_and_similar_lengths() -> None:
    lengths = [random.Random(i).randrange(100) for i in range(130)]
    made = list(batches(range(130), lengths, 8))
    assert sorted(index for batch in made for index in batch) == list(range(130))
    spread = [max(lengths[i] for i in batch) - min(lengths[i] for i in batch) for batch in made]
    assert sum(spread) / len(spread) < 15
