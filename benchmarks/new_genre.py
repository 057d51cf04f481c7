"""Seconds from publishing an adapter of an unknown genre to the first answer written with it.

On the embedded broker, with instant stand-ins for encoder and engine: what is measured is the
path of the event, the classifier that learns the genre, and the plan. The request does not name
the genre: it has to be classified as it. With `--json` also how long until the genre can be asked
for by name.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from dataclasses import replace
from datetime import UTC, datetime

from agents.base_model import base_folder
from benchmarks.latency import pipeline
from benchmarks.report import arguments, show
from genre_models.weights import fingerprint
from schemas.adapters import AdapterEvent
from schemas.recommendations import Recommendation
from schemas.requests import GenerationRequest
from streams.clients.client import Client
from streams.clients.embedded_broker import embedded_broker
from streams.settings import Settings

TOPICS = (
    "rain",
    "tea",
    "trains",
    "cats",
    "winter",
    "bread",
    "the moon",
    "exams",
    "gardens",
    "sleep",
    "ships",
    "music",
)
NEW = AdapterEvent(
    kind="published",
    name="zibblewump@0123456789ab",
    genre="zibblewump",
    family="verse",
    digest="0123456789ab" + "0" * 52,
    base_fingerprint="a" * 64,
    description="A zibblewump: three nonsense lines.",
    instruction="Write one zibblewump.",
    requests=tuple(f"zibblewump about {topic}" for topic in TOPICS),
    time=datetime(2026, 1, 1, tzinfo=UTC),
)


def announced(settings: Settings) -> AdapterEvent:
    """The new adapter as of now, for the base model that is set."""
    base = fingerprint(base_folder(settings))
    return replace(NEW, base_fingerprint=base, time=datetime.now(UTC))


async def until_answered(client: Client, genre: str | None) -> float:
    """Seconds from now to the first answer that was written with the new genre's adapter."""
    begun = time.perf_counter()
    while NEW.name not in {each.adapter for each in (await _asked(client, genre)).candidates}:
        await asyncio.sleep(0.1)
    return time.perf_counter() - begun


async def _asked(client: Client, genre: str | None) -> Recommendation:
    request = GenerationRequest(
        user_id="ada",
        prompt="zibblewump about thunder",
        request_id=uuid.uuid4().hex,
        genre=genre,
        max_tokens=8,
        candidates=2,
    )
    return await client.ask(request, within=60)


async def measure() -> dict[str, float]:
    """Seconds to the first answer to a request without the genre's name, and to one with it."""
    async with (
        embedded_broker(Settings(partitions=1)) as broker,
        pipeline(broker.settings, module="benchmarks.stand_ins") as client,
    ):
        await _asked(client, None)
        await client.publish(announced(broker.settings))
        by_name, classified = await asyncio.gather(
            until_answered(client, NEW.genre), until_answered(client, None)
        )
    return {"publish_to_answer_s": classified, "publish_to_answer_by_name_s": by_name}


def main() -> None:
    """Measure and print."""
    given = arguments(__doc__ or "")
    show(asyncio.run(measure()), json=given.json)


if __name__ == "__main__":
    main()
