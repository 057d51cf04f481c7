"""What every test may ask for: a broker with its topics, embedded, in memory, on a free port."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from streams.embedded_broker import EmbeddedBroker, embedded_broker
from streams.settings import Settings
from streams.topic_admin import create


@pytest.fixture
async def broker() -> AsyncIterator[EmbeddedBroker]:
    """A running embedded broker with every topic in two partitions."""
    async with embedded_broker(Settings(partitions=2)) as running:
        await create(running.settings)
        yield running
