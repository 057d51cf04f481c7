"""A pipeline of real processes with instant stand-ins for the models, for the examples to talk
to."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from agents.supervisor import until_ready
from streams.clients.embedded_broker import embedded_broker
from streams.settings import Settings
from tests.end_to_end.conftest import Pipeline, running


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def pipeline(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Pipeline]:
    """One worker a role on the embedded broker, for all examples."""
    async with (
        embedded_broker(Settings(partitions=2)) as broker,
        running(broker.settings, tmp_path_factory.mktemp("logs")) as started,
    ):
        yield started


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def address(pipeline: Pipeline) -> str:
    """The address of a gateway before the pipeline."""
    return str((await until_ready(pipeline.supervisor.start("gateway"), 60))["address"])
