"""Seconds until the first answer after GENRE_BASE was changed on a system with starters.

On one embedded broker, with the real models: all roles run with the packaged base and answer a
request with their adapters, then stop; another base (135 million random weights, made on the spot)
is prepared, and all roles start with it. `*_first_answer_s` counts from their start; `*_adapters`
are those of the first answer's candidates. Adapters of the packaged base are still on the topic.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
import uuid
from dataclasses import replace
from pathlib import Path

from benchmarks.base import SIZES, alone, make
from benchmarks.engine import Figures
from benchmarks.latency import pipeline
from benchmarks.report import arguments, show
from genre_models.weights import prepare_base
from schemas.requests import GenerationRequest
from streams.clients.embedded_broker import embedded_broker
from streams.settings import Settings


async def first_answer(settings: Settings, name: str) -> Figures:
    """From the start of all roles to an answer, and the adapters that wrote it."""
    begun = time.perf_counter()
    async with pipeline(settings, module="agents.main") as client:
        request = GenerationRequest(
            user_id="ada",
            prompt="a joke about dentists",
            genre="joke",
            request_id=uuid.uuid4().hex,
            max_tokens=16,
            candidates=2,
        )
        answer = await client.ask(request, within=300)
        seconds = time.perf_counter() - begun
    if answer.status != "ok":
        raise RuntimeError(f"expected texts, got {answer.status}: {answer.message}")
    adapters = {each.adapter for each in answer.candidates} - {None}
    return {f"{name}_first_answer_s": seconds, f"{name}_adapters": float(len(adapters))}


async def measure(given: Settings, folder: Path) -> Figures:
    """Before and after."""
    models = folder / "models"
    models.mkdir()
    for prepared in given.models.expanduser().iterdir():  # a random base is not left among them
        (models / prepared.name).symlink_to(prepared)
    own = replace(given, base="", models=models, adapters=folder / "adapters", partitions=1)
    async with embedded_broker(own) as broker:
        figures = await first_answer(broker.settings, "packaged")
        await asyncio.to_thread(alone, make, folder / "random", SIZES["0.14b"])
        begun = time.perf_counter()
        await asyncio.to_thread(prepare_base, str(folder / "random"), models)
        figures["prepare_s"] = time.perf_counter() - begun
        changed = replace(broker.settings, base=str(folder / "random"))
        return figures | await first_answer(changed, "changed")


def main() -> None:
    """Measure and print."""
    given = arguments(__doc__ or "")
    with tempfile.TemporaryDirectory(prefix="genre-benchmark-") as folder:
        figures = asyncio.run(measure(Settings.from_environment(), Path(folder)))
    show(figures, json=given.json)


if __name__ == "__main__":
    main()
