"""What benchmarks run on: an Apache Kafka of their own, and workers whose logs are thrown away."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
import tempfile
import uuid
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from agents.supervisor import Supervisor
from streams.settings import Settings
from tests.kafka import kafka


@contextmanager
def apache_kafka(partitions: int) -> Iterator[Settings]:
    """Settings of an Apache Kafka, with a prefix and a state folder of their own."""
    with (
        tempfile.TemporaryDirectory(prefix="genre-kafka-") as folder,
        kafka(Path(folder) / "data") as address,
    ):
        yield Settings(
            brokers=address,
            prefix=f"b{uuid.uuid4().hex[:8]}.",
            partitions=partitions,
            session_timeout=6.0,
            heartbeat=1.0,
            state=Path(folder) / "state",
        )


@asynccontextmanager
async def supervised(settings: Settings, module: str = "agents.main") -> AsyncIterator[Supervisor]:
    """A supervisor of workers of `module`, none of which runs yet."""
    with tempfile.TemporaryDirectory(prefix="genre-benchmark-") as logs:
        async with Supervisor(settings, logs=Path(logs), module=module) as supervisor:
            yield supervisor


@asynccontextmanager
async def genre_up(line: str) -> AsyncIterator[tuple[int, re.Match[str]]]:
    """`genre up` with nothing in the background: its process, once it has printed such a line."""
    command = (sys.executable, "-m", "agents.main", "up", "--no-tune")
    process = await asyncio.create_subprocess_exec(
        *command, stdout=PIPE, env=os.environ | {"COLUMNS": "200"}
    )
    assert process.stdout is not None
    try:
        async for said in process.stdout:
            found = re.search(line, said.decode())
            if found:
                break
        else:
            raise RuntimeError("genre up ended before every role was ready")
        yield process.pid, found
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGINT)
        await process.communicate()
