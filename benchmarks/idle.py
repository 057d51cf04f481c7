"""What `genre up` costs when nobody asks anything, and what the first request after silence waits.

Processor time of all its processes together, in percent of one core, after two seconds of silence;
then answers of the whole pipeline with instant stand-ins, asked one after the other without a pause
and, with the same words, after five seconds of silence each.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import time
from collections import defaultdict
from pathlib import Path

from benchmarks.fixtures import genre_up
from benchmarks.latency import one, pipeline
from benchmarks.report import arguments, show
from streams.clients.client import Client
from streams.clients.embedded_broker import embedded_broker
from streams.settings import Settings

SILENCE = 5.0
READY_AND_SILENT = 2.0


async def at_rest(seconds: float) -> float:
    """Percent of a core that `genre up` takes, with its real models and nothing to do."""
    async with genre_up("Up until") as (process, _):
        await asyncio.sleep(READY_AND_SILENT)
        before, begun = family_seconds(process), time.perf_counter()
        await asyncio.sleep(seconds)
        return 100 * (family_seconds(process) - before) / (time.perf_counter() - begun)


def family_seconds(root: int) -> float:
    """User and system time so far of a process and all that descend from it."""
    children, spent = defaultdict[int, list[int]](list), dict[int, int]()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it has ended meanwhile
        children[int(fields[1])].append(int(folder.name))
        spent[int(folder.name)] = int(fields[11]) + int(fields[12])
    family = [root]
    for process in family:
        family += children[process]
    return sum(spent.get(process, 0) for process in family) / os.sysconf("SC_CLK_TCK")


async def answers(client: Client, count: int, silence: float) -> list[float]:
    """Milliseconds of requests that are sent one after the other, each after some silence."""
    taken = []
    for number in range(count):
        await asyncio.sleep(silence)
        taken.append(1000 * await one(client, number))
    return taken


async def main() -> None:
    """Measure and print."""
    given = arguments(__doc__ or "")
    figures: dict[str, float | None] = {"rest_percent": await at_rest(8 if given.quick else 20)}
    async with (
        embedded_broker(Settings(partitions=1)) as broker,
        pipeline(broker.settings, module="benchmarks.stand_ins") as client,
    ):
        await answers(client, 40, 0.0)
        busy = await answers(client, 40, 0.0)
        silent = await answers(client, 3 if given.quick else 8, SILENCE)
    figures |= {
        "busy_p50_ms": statistics.median(busy),
        "after_silence_p50_ms": statistics.median(silent),
        "after_silence_max_ms": max(silent),
    }
    show(figures, json=given.json)


if __name__ == "__main__":
    asyncio.run(main())
