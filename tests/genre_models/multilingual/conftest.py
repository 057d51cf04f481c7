"""The folder of the multilingual encoder, from its pinned package."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from genre_models.weights import DEFAULT_CACHE, prepare_multilingual


@pytest.fixture(scope="package")
def folder() -> Path:
    return prepare_multilingual(Path(os.environ.get("GENRE_MODELS", DEFAULT_CACHE)))
