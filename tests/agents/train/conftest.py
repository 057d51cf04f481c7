"""A workshop on a scratch disk, and what is sent to it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from agents.genres.registry import Registry
from agents.train.train import train
from agents.train.workshop import Workshop
from genre_models.training.texts.store import TextStore
from schemas.training import TrainingEvent
from streams.settings import Settings
from tests.agents.deliveries import delivered, events, stream

TRAIN = TrainingEvent(kind="train", genre="haiku", job="j1")


def text(words: str, **known: Any) -> TrainingEvent:
    return TrainingEvent(kind="text", genre="haiku", text=words, **known)


@pytest.fixture
def shop(tmp_path: Path) -> Workshop:
    settings = Settings(
        models=tmp_path / "models",
        adapters=tmp_path / "adapters",
        corpora=tmp_path / "sent",
        train_from="acme",
    )
    return Workshop(settings=settings, registry=Registry(), texts=TextStore(settings.corpora))


async def handled(shop: Workshop, *given: TrainingEvent) -> list[Any]:
    return await events(
        train(stream(delivered(each, offset) for offset, each in enumerate(given)), shop)
    )


def replace_texts(shop: Workshop) -> Workshop:
    """The same workshop in another process."""
    return Workshop(
        settings=shop.settings, registry=Registry(), texts=TextStore(shop.settings.corpora)
    )
