"""The real sentence encoder, the classifier and the score of harm, once a session; a tiny base
model with adapters, once a module."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from agents.genres.classifiers import load_classifier
from genre_models.adapters import AdapterStore, BaseSpec
from genre_models.classification.classifier import Classifier
from genre_models.encoder import SentenceEncoder
from genre_models.engine.native import Kernel
from genre_models.safety import load_score
from genre_models.safety.score import Scores
from genre_models.taxonomy import Taxonomy
from genre_models.weights import DEFAULT_CACHE, prepare_encoder
from streams.settings import Settings
from tests.genre_models.compiling import compiled
from tests.genre_models.tiny import make_adapter, make_base


@pytest.fixture(scope="session")
def encoder_folder() -> Path:
    """all-MiniLM-L6-v2 in the model cache."""
    return prepare_encoder(Path(os.environ.get("GENRE_MODELS", DEFAULT_CACHE)))


@pytest.fixture(scope="session")
def encoder(encoder_folder: Path) -> SentenceEncoder:
    """That, loaded."""
    return SentenceEncoder.load(encoder_folder, threads=1)


@pytest.fixture(scope="session")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Kernel:
    """The engine's kernel, compiled once."""
    return compiled(tmp_path_factory.getbasetemp() / "kernel")


@pytest.fixture(scope="session")
def classifier(fitted: Path, encoder: SentenceEncoder) -> Classifier:
    """The classifier of the genres that come with GENRE."""
    return load_classifier(Settings(models=fitted), Taxonomy.load(), encoder)


@pytest.fixture(scope="session")
def scores(fitted: Path, encoder: SentenceEncoder) -> Scores:
    """The score of harm that the gate asks."""
    return load_score(fitted, encoder)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny base model with random weights."""
    folder: Path = tmp_path_factory.mktemp("base")
    make_base(folder)
    return folder


@pytest.fixture(scope="module")
def store(base: Path, tmp_path_factory: pytest.TempPathFactory) -> AdapterStore:
    """Random adapters of that model, one a genre."""
    spec, folder = BaseSpec.load(base), tmp_path_factory.mktemp("adapters")
    store = AdapterStore(folder / "store", spec)
    for seed, genre in enumerate(("joke", "poetry", "quote"), 1):
        store.add(make_adapter(folder / genre, spec, genre, seed))
    return store
