"""How long the event loop stands, and what it costs in memory, when large tables are read.

After a recovery open decisions are found, and users are summed: from a copy of all rows, as once;
now for the first time, over rows without an index; and now. Rows lie in RocksDB; every reading is a
process of its own.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import random
import tempfile
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import faust
import numpy as np

from agents.recommend.decision_row import DecisionRow, is_open
from agents.recommend.ledger import Ledger, decision_key
from agents.recommend.populations import Crowd, Populations
from benchmarks.generate_memory import peak_megabytes
from benchmarks.report import arguments, show
from genre_models.preferences.row import UserRow, readable
from schemas.recommendations import RankedCandidate, Recommendation
from streams.memory import resident_megabytes
from streams.wire.partitions import home_of
from streams.worker.tables import LoggedTable, table

PARTITIONS = 4
OPEN = 100

Reading = Callable[[LoggedTable], Awaitable[int]]
"""Reads a table whole; how many rows it was after."""


def opened(folder: Path, name: str) -> LoggedTable:
    """A table of the recommend role as a process finds it, every partition its own."""
    app = faust.App("tables", broker="kafka://127.0.0.1:1", store="rocksdb://", datadir=str(folder))
    found = table(app, name, PARTITIONS, is_open if name == "decisions" else None)
    for partition in range(PARTITIONS):
        found.data._db_for_partition(partition)  # noqa: SLF001 - what an assignment does
    return found


def write(folder: Path, decisions: int, users: int) -> None:
    """Rows as an earlier version left them: 2 kB a decision, 5 kB a user, no index."""
    generator, now = random.Random(7), datetime.now(UTC)
    candidates = tuple(
        RankedCandidate(
            candidate_id=f"r/{index}",
            text="".join(generator.choices("abcdefghij klmnopqrst", k=300)),
            score=0.5,
            propensity=0.25,
            finish="stop",
        )
        for index in range(4)
    )
    answer = Recommendation(request_id="r", user_id="u", status="ok", candidates=candidates)
    answered = DecisionRow(
        request_id="r", user_id="u", tenant=None, deadline=now, seed=7, answer=answer
    )
    waiting = replace(answered, answer=None, deadline=now + timedelta(minutes=1))
    rows = opened(folder, "decisions")
    for number in range(decisions):
        key = f"user-{number // 32}"
        row = waiting if number % (decisions // OPEN) == 0 else answered
        _put(rows, key, decision_key(key, generator.getrandbits(64)), row.pack())
    rows = opened(folder, "preferences")
    sums = np.random.default_rng(7).integers(1, 9999, len(UserRow().sums), np.int32)
    taught = replace(UserRow(), sums=sums, reactions=3).pack()
    for number in range(users):
        _put(rows, f"user-{number}", f"user-{number}".encode(), taught)


def _put(rows: LoggedTable, user: str, key: bytes, row: bytes) -> None:
    """Past changelog and index."""
    db = rows.data._db_for_partition(home_of(user, PARTITIONS))  # noqa: SLF001
    db.put(key, row)
    db.put(rows.data.offset_key, b"7")


def _copied(rows: LoggedTable) -> list[tuple[bytes, bytes]]:
    return [each for partition in range(PARTITIONS) for each in rows.data.rows(partition)(b"")]


async def copied_decisions(rows: LoggedTable) -> int:
    """Open decisions, looked for in a copy of all."""
    return sum(is_open(row) for _, row in _copied(rows))


async def open_decisions(rows: LoggedTable) -> int:
    """Open decisions, as the recommend role finds them."""
    ledger = Ledger(users={}, decisions=rows, incarnation=0)
    await ledger.recount(range(PARTITIONS))
    return len(ledger.waiting)


async def copied_users(rows: LoggedTable) -> int:
    """Users, summed from a copy of all."""
    crowd = Crowd()
    for key, row in _copied(rows):
        crowd.take(key.decode(), None, readable(row))
    return crowd.sums.users


async def summed_users(rows: LoggedTable) -> int:
    """Users, as the recommend role sums them."""
    known = Populations(
        users=rows,
        partition_of=partial(home_of, partitions=PARTITIONS),
        owned=lambda: frozenset(range(PARTITIONS)),
        partitions=PARTITIONS,
    )
    await known.recount()
    return known.users_here


READINGS: tuple[tuple[str, str, Reading], ...] = (
    ("decisions_once", "decisions", copied_decisions),
    ("decisions_first", "decisions", open_decisions),
    ("decisions_now", "decisions", open_decisions),
    ("users_once", "preferences", copied_users),
    ("users_now", "preferences", summed_users),
)


async def measured(folder: Path, name: str, read: Reading) -> dict[str, float]:
    """Rows found, seconds, the longest stall (on the clock, and of the processor) in milliseconds.

    And megabytes beyond the start's. On a busy machine the clock also counts what others run.
    """
    rows = opened(folder, name)
    begun, before = time.perf_counter(), resident_megabytes()
    longest = np.zeros(2)

    async def beat() -> None:
        last = _clocks()
        while True:
            await asyncio.sleep(0)
            np.maximum(longest, _clocks() - last, out=longest)
            last = _clocks()

    beating = asyncio.create_task(beat())
    await asyncio.sleep(0)
    found = await read(rows)
    await asyncio.sleep(0)
    beating.cancel()
    return {
        "found": found,
        "s": time.perf_counter() - begun,
        "stall_ms": 1000 * longest[0],
        "stall_cpu_ms": 1000 * longest[1],
        "mb": max(0.0, peak_megabytes() * 1.048576 - before),
    }


def _clocks() -> np.ndarray[Any, Any]:
    return np.array([time.perf_counter(), time.thread_time()])


def _measured(folder: Path, number: int) -> dict[str, float]:
    _, name, read = READINGS[number]
    return asyncio.run(measured(folder, name, read))


def main() -> None:
    """Write, read in a process each, print."""
    given = arguments(__doc__ or "")
    decisions, users = (20_000, 2_000) if given.quick else (200_000, 20_000)
    fresh = multiprocessing.get_context("spawn")
    figures: dict[str, float | None] = {"decisions": decisions, "users": users}
    with (
        tempfile.TemporaryDirectory(prefix="genre-benchmark-") as folder,
        ProcessPoolExecutor(1, fresh, max_tasks_per_child=1) as process,
    ):
        process.submit(write, Path(folder), decisions, users).result()
        for number, (what, _, _) in enumerate(READINGS):
            found = process.submit(_measured, Path(folder), number).result()
            figures |= {f"{what}_{each}": value for each, value in found.items()}
    show(figures, json=given.json)


if __name__ == "__main__":
    main()
