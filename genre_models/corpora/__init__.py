"""Texts by genre, from packages that ordinary clients fetch; into a cache, never into a commit."""

from __future__ import annotations

from genre_models.corpora.corpus import Corpus, is_fetched, load_corpus, load_prepared
from genre_models.corpora.extractors import EXTRACTORS
from genre_models.corpora.preprocessing import Prepared, Rules, Step, preprocess
from genre_models.corpora.text import Text

__all__ = [
    "EXTRACTORS",
    "Corpus",
    "Prepared",
    "Rules",
    "Step",
    "Text",
    "is_fetched",
    "load_corpus",
    "load_prepared",
    "preprocess",
]
