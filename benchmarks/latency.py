"""How long a request takes from the client's send to the client's receipt of its recommendation.

With instant stand-ins for encoder and engine, at 20 requests a second: on the embedded broker (one
partition, one worker a role) and on Apache Kafka (one broker, four partitions, one worker a role);
then with the real encoder; then with the real models, one request of four candidates of 64 tokens
at a time.
"""

from __future__ import annotations

import asyncio
import os
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from benchmarks.fixtures import apache_kafka, supervised
from benchmarks.report import arguments, percentile, show
from benchmarks.stand_ins import answering
from schemas.requests import GenerationRequest
from streams.clients.client import Client
from streams.clients.embedded_broker import embedded_broker
from streams.clients.topic_admin import create
from streams.settings import Settings
from tests.kafka import is_found

RATE = 20
# Not counted: Python's and the broker's first events take several times as long.
WARM_UP = 60
PROMPTS = (
    "Tell me a joke about dentists.",
    "A short poem about the sea.",
    "Describe a light rain jacket for our web shop.",
    "A few lines of a political speech about honest work.",
)


@asynccontextmanager
async def pipeline(settings: Settings, *, module: str) -> AsyncIterator[Client]:
    """Every role, ready, and a client."""
    await create(settings)
    async with supervised(settings, module) as supervisor, Client(settings) as client:
        for role in answering():
            supervisor.start(role)
        await supervisor.ready(within=120)
        yield client


async def offered(client: Client, requests: int) -> list[float]:
    """Milliseconds of each request, sent at the rate whether or not earlier ones are answered."""
    begun = time.perf_counter()
    tasks = []
    for number in range(WARM_UP + requests):
        await asyncio.sleep(max(0.0, begun + number / RATE - time.perf_counter()))
        tasks.append(asyncio.create_task(one(client, number)))
    return [1000 * seconds for seconds in (await asyncio.gather(*tasks))[WARM_UP:]]


async def one(client: Client, number: int, *, max_tokens: int = 64) -> float:
    """Seconds until the answer; it must hold texts."""
    request = GenerationRequest(
        user_id=f"user-{number % 20}",
        prompt=PROMPTS[number % len(PROMPTS)],
        request_id=uuid.uuid4().hex,
        max_tokens=max_tokens,
    )
    begun = time.perf_counter()
    answer = await client.ask(request, within=300)
    if answer.status != "ok":
        raise RuntimeError(f"expected texts, got {answer.status}: {answer.message}")
    return time.perf_counter() - begun


async def on_embedded(requests: int) -> list[float]:
    """The pipeline on the embedded broker."""
    async with (
        embedded_broker(Settings(partitions=1)) as broker,
        pipeline(broker.settings, module="benchmarks.stand_ins") as client,
    ):
        return await offered(client, requests)


async def on_kafka(requests: int) -> list[float] | None:
    """The pipeline on Apache Kafka; None where none is found."""
    if not is_found():
        return None
    with apache_kafka(partitions=4) as settings:
        settings = replace(settings, store="memory://")
        async with pipeline(settings, module="benchmarks.stand_ins") as client:
            return await offered(client, requests)


async def with_real_models(requests: int) -> list[float]:
    """Seconds of requests that are sent one after the other."""
    async with (
        embedded_broker(replace(Settings.from_environment(), partitions=1)) as broker,
        pipeline(broker.settings, module="agents.main") as client,
    ):
        await one(client, 0, max_tokens=4)
        return [await one(client, number) for number in range(requests)]


async def main() -> None:
    """Measure and print."""
    given = arguments(__doc__ or "")
    requests = 100 if given.quick else 400
    figures: dict[str, float | None] = _figures("pipeline", await on_embedded(requests))
    figures |= _figures("kafka_pipeline", await on_kafka(requests))
    if given.quick:
        figures |= {
            "encoder_pipeline_p50_ms": None,
            "encoder_pipeline_p99_ms": None,
            "real_p50_s": None,
        }
    else:
        os.environ["GENRE_STAND_IN_ENCODER"] = "real"
        figures |= _figures("encoder_pipeline", await on_embedded(requests))
        del os.environ["GENRE_STAND_IN_ENCODER"]
        figures["real_p50_s"] = percentile(await with_real_models(7), 0.5)
    show(figures, json=given.json)


def _figures(name: str, milliseconds: list[float] | None) -> dict[str, float | None]:
    if milliseconds is None:
        return {f"{name}_p50_ms": None, f"{name}_p99_ms": None}
    return {
        f"{name}_p50_ms": percentile(milliseconds, 0.5),
        f"{name}_p99_ms": percentile(milliseconds, 0.99),
    }


if __name__ == "__main__":
    asyncio.run(main())
