"""A tiny base model, texts, and orders to train on them."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from genre_models.training.order import Order
from genre_models.training.recipe import Recipe
from genre_models.training.texts.store import TextStore
from schemas.training import TrainingEvent
from tests.genre_models.tiny import make_base

WORDS = (
    "old",
    "pond",
    "frog",
    "moon",
    "rain",
    "leaf",
    "wind",
    "snow",
    "hill",
    "crow",
    "pine",
    "gate",
    "road",
    "mist",
)


def lines(number: int, seed: int = 1) -> list[str]:
    chance = random.Random(seed)
    return [f"The {' and the '.join(chance.sample(WORDS, 4))} are here." for _ in range(number)]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp("models")
    make_base(folder / "base")
    return folder


def order(models: Path, folder: Path, texts: list[str], users: int = 0) -> Order:
    store = TextStore(folder / "sent")
    for number, line in enumerate(texts):
        user = f"user-{number}" if number < users else None
        store.add(TrainingEvent(kind="text", genre="haiku", text=line), user=user, time=1.0)
    return Order(
        job="j1",
        genre="haiku",
        family="verse",
        texts=str(store.path("haiku", None)),
        models=str(models),
        store=str(folder / "store"),
        instruction="Write.",
        threads=1,  # tensors this small only wait for each other
        recipe=Recipe(epochs=2, learning_rate=1e-2),
    )
