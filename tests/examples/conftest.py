"""A pipeline of real processes with instant stand-ins for the models, for the examples to talk to."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from streams.embedded_broker import embedded_broker
from streams.settings import Settings
from tests.end_to_end.conftest import Pipeline, running


@pytest.fixture
async def pipeline(tmp_path: Path) -> AsyncIterator[Pipeline]:
    """One worker a role on the embedded broker."""
    async with (
        embedded_broker(Settings(partitions=2)) as broker,
        running(broker.settings, tmp_path / "logs") as started,
    ):
        yield started
