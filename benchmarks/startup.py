"""Seconds until each role is ready with its real models, warm, and until `genre up` is ready.

Also each role's memory at rest.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace

from agents.supervisor import until_ready
from benchmarks.fixtures import genre_up, supervised
from benchmarks.report import arguments, show
from streams.clients.embedded_broker import embedded_broker
from streams.clients.topic_admin import create
from streams.settings import Settings
from streams.wire.roles import ROLES


async def role(name: str) -> dict[str, float | None]:
    """One role alone on an empty broker: a first start warms caches, the second is measured."""
    async with embedded_broker(replace(Settings.from_environment(), partitions=1)) as broker:
        await create(broker.settings)
        for _ in range(2):
            async with supervised(broker.settings) as supervisor:
                begun = time.perf_counter()
                state = await until_ready(supervisor.start(name), 120)
                seconds = time.perf_counter() - begun
        return {f"{name}_ready_s": seconds, f"{name}_rss_mb": float(state["rss_mb"])}


async def up() -> float:
    """Seconds that `genre up` itself reports until every role is ready."""
    async with genre_up(r"every role is ready after ([0-9.]+) s") as (_, found):
        return float(found[1])


async def main() -> None:
    """Measure and print."""
    given = arguments(__doc__ or "")
    figures: dict[str, float | None] = {"up_ready_s": await up()}
    for name in ROLES:
        figures |= await role(name)
    show(figures, json=given.json)


if __name__ == "__main__":
    asyncio.run(main())
