"""The real sentence encoder, and the classifier that it makes, once a session."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from genre_models.classifier import Classifier
from genre_models.encoder import SentenceEncoder
from genre_models.taxonomy import Taxonomy
from genre_models.weights import DEFAULT_CACHE, prepare_encoder


@pytest.fixture(scope="session")
def encoder() -> SentenceEncoder:
    """all-MiniLM-L6-v2 from the model cache."""
    cache = Path(os.environ.get("GENRE_MODELS", DEFAULT_CACHE))
    return SentenceEncoder.load(prepare_encoder(cache), threads=1)


@pytest.fixture(scope="session")
def classifier(encoder: SentenceEncoder) -> Classifier:
    """The classifier of the taxonomy that comes with GENRE."""
    return Classifier.fit(Taxonomy.load(), encoder)
