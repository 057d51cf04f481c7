from __future__ import annotations

from genre_models.corpora import EXTRACTORS
from genre_models.taxonomy import Taxonomy


def test_there_are_enough_genres_and_each_is_in_the_taxonomy() -> None:
    assert len(EXTRACTORS) >= 24 and set(EXTRACTORS) <= set(Taxonomy.load().genres)
