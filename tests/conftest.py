"""What every test may ask for: a broker with its topics, embedded, in memory, on a free port; a
real Kafka; the models' folder with what is fitted."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from agents.commands.prepare import fit, is_fitted
from genre_models.weights import prepare_encoder, prepare_multilingual
from schemas.errors import GenreError
from streams.clients.embedded_broker import EmbeddedBroker, embedded_broker
from streams.clients.topic_admin import create
from streams.settings import Settings
from tests import kafka


@pytest.fixture
async def broker() -> AsyncIterator[EmbeddedBroker]:
    """A running embedded broker with every topic in two partitions."""
    async with embedded_broker(Settings(partitions=2)) as running:
        await create(running.settings)
        yield running


@pytest.fixture(scope="session")
def kafka_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real Kafka, or a visible skip."""
    if not kafka.is_found():
        pytest.skip(kafka.NOT_FOUND)
    with kafka.kafka(tmp_path_factory.mktemp("kafka") / "data") as address:
        yield address


def pytest_collection_finish(session: pytest.Session) -> None:
    """Fit what tests ask for beside their limits of time: it takes minutes, once on a machine."""
    if any("fitted" in getattr(item, "fixturenames", ()) for item in session.items):
        with suppress(GenreError):  # said by the tests
            _fitted()


@pytest.fixture(scope="session")
def fitted() -> Path:
    """The models' folder with the classifier and the score of harm, which later sessions find."""
    return _fitted()


def _fitted() -> Path:
    given = Settings.from_environment()
    if not is_fitted(given):
        prepare_encoder(given.models)
        prepare_multilingual(given.models)
        fit(given)
    return given.models
