"""Feedback events a second through the recommend role, against the same learner on plain aiokafka.

One worker on Apache Kafka with four partitions; users and their answered requests are seeded into
the role's changelogs, the reactions are published beforehand, and both processes, one after the
other and each on one core, write one changelog record of preferences a reaction. `events_s` is from
the first to the last of these records; `events_cpu_s` is a second of the process's own CPU time,
which other work on the machine disturbs less.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import cycle, groupby, islice
from pathlib import Path

import numpy as np
from aiokafka import AIOKafkaProducer
from aiokafka.admin import NewTopic

from agents.recommend.decision_row import DecisionRow
from agents.supervisor import RoleProcess, until_ready
from benchmarks.fixtures import apache_kafka, supervised
from benchmarks.report import arguments, show
from genre_models.preferences.features import FEATURES_VERSION, Arm, candidate_features
from genre_models.preferences.row import UserRow
from genre_models.preferences.signals import digest
from schemas.decisions import DecidedCandidate, Decision
from schemas.feedback import Feedback
from schemas.parts import GenreProbability
from schemas.recommendations import RankedCandidate, Recommendation
from streams.clients.kafka import admin
from streams.clients.reader import Reader
from streams.clients.topic_admin import create
from streams.memory import resident_megabytes
from streams.settings import Settings
from streams.wire.codecs import encode
from streams.wire.partitions import home_of
from streams.wire.topics import changelog

PARTITIONS = 4
# Users and reactions.
FULL = (50_000, 500_000)
QUICK = (1_500, 6_000)
REQUESTS = 2
TEXTS = (
    (
        "A dentist walks into a bar and asks for a filling drink; "
        "the barman says that he has had it up to the back teeth."
    ),
    (
        "The sea is wide, the sea is grey, it sings to me all night and day, "
        "and what it sings I cannot say."
    ),
    (
        "Light as a leaf and dry as a bone: the jacket for days that cannot make up their mind. "
        "Folds into its own pocket."
    ),
    (
        "Why did the whale cross the ocean? To get to the other tide, "
        "where the fish tell better jokes than I do."
    ),
)
KINDS: tuple[tuple[str, float | None], ...] = (
    ("like", None), ("dwell", 12.0), ("dislike", None), ("copy", None), ("rating", 4.0),
    ("click", None),
)  # fmt: skip

Row = tuple[bytes, bytes]


@dataclass(frozen=True, slots=True)
class Sample:
    """A process after `records` changelog records: clock and CPU in seconds, memory in MB."""

    time: float
    records: int
    cpu: float
    rss: float


def answered(user: str, request: str) -> DecisionRow:
    """An answered request with four texts."""
    genres = ("joke", "poetry", "product_description", "joke")
    arms = [Arm(genre=genre, family=None) for genre in genres]
    decided = tuple(
        DecidedCandidate(
            index=index, position=index, genre=arm.genre, arm_propensity=0.25, propensity=0.25,
            score=0.5, features=candidate_features(arm, text).astype("<f2").tobytes(),
        )
        for index, (arm, text) in enumerate(zip(arms, TEXTS, strict=True))
    )  # fmt: skip
    shown = tuple(
        RankedCandidate(
            candidate_id=f"{request}/{index}",
            text=text,
            genre=genre,
            score=0.5,
            propensity=0.25,
            finish="stop",
        )
        for index, (genre, text) in enumerate(zip(genres, TEXTS, strict=True))
    )
    now = datetime.now(UTC)
    return DecisionRow(
        request_id=request, user_id=user, tenant=None, deadline=now, seed=1, embedding=bytes(384),
        genres=tuple(GenreProbability(genre=genre, probability=0.3) for genre in genres[:3]),
        answer=Recommendation(request_id=request, user_id=user, status="ok", candidates=shown),
        decision=Decision(
            request_id=request, user_id=user, time=now, policy="benchmark", seed=1,
            features_version=FEATURES_VERSION, candidates=decided,
        ),
    )  # fmt: skip


def requests_of(user: str) -> list[str]:
    """The ids of a user's requests."""
    return [f"{user}-r{number}" for number in range(REQUESTS)]


def user_rows(users: int) -> Iterable[Row]:
    """Rows of users who have asked and not reacted yet."""
    for user in map("u{}".format, range(users)):
        yield user.encode(), UserRow(decisions=tuple(map(digest, requests_of(user)))).pack()


def decision_rows(users: int) -> Iterable[Row]:
    """What those users were answered."""
    one = answered("u", "r")
    assert one.answer is not None and one.decision is not None
    for user in map("u{}".format, range(users)):
        for request in requests_of(user):
            shown = tuple(
                replace(each, candidate_id=f"{request}/{index}")
                for index, each in enumerate(one.answer.candidates)
            )
            row = replace(
                one,
                request_id=request,
                user_id=user,
                answer=replace(one.answer, request_id=request, user_id=user, candidates=shown),
                decision=replace(one.decision, request_id=request, user_id=user),
            )
            yield f"{user}/{digest(request):016x}".encode(), row.pack()


def reactions(users: int, events: int) -> Iterable[Row]:
    """Round after round one reaction of every user, to the next text of the next request."""
    kinds = cycle(KINDS)
    for number in range(events):
        turn, user = number // users, f"u{number % users}"
        request, (kind, value) = requests_of(user)[turn % REQUESTS], next(kinds)
        candidate = f"{request}/{turn // REQUESTS % len(TEXTS)}"
        event = Feedback(
            user_id=user,
            kind=kind,  # type: ignore[arg-type]
            request_id=request,
            candidate_id=candidate,
            value=value,
        )
        yield user.encode(), encode(event)


async def publish(settings: Settings, topic: str, rows: Iterable[Row]) -> None:
    """Write rows where their user's key puts them, in batches."""
    async with AIOKafkaProducer(
        bootstrap_servers=settings.brokers, max_batch_size=256 * 1024
    ) as producer:
        remaining = iter(rows)
        while some := list(islice(remaining, 4000)):
            pending = []
            some.sort(key=_partition)
            for partition, group in groupby(some, key=_partition):
                batch = producer.create_batch()
                for key, value in group:
                    while batch.append(key=key, value=value, timestamp=None) is None:
                        pending.append(await producer.send_batch(batch, topic, partition=partition))
                        batch = producer.create_batch()
                pending.append(await producer.send_batch(batch, topic, partition=partition))
            await asyncio.gather(*pending)


def _partition(row: Row) -> int:
    return home_of(row[0].partition(b"/")[0].decode(), PARTITIONS)


async def samples(pid: int, settings: Settings, role: str, events: int) -> list[Sample]:
    """From the last moment without a new record in the role's changelog until all are there."""
    taken: list[Sample] = []
    async with Reader(settings, changelog(settings.prefix, role, "preferences")) as reader:
        before = await reader.written() if role == "recommend" else 0
        while not taken or taken[-1].records < events:
            records = await reader.written() - before
            taken = taken if records else []
            taken.append(
                Sample(time.perf_counter(), records, cpu_seconds(pid), resident_megabytes(pid))
            )
            await asyncio.sleep(0.1)
    return taken


def cpu_seconds(pid: int) -> float:
    """User and system time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@asynccontextmanager
async def role(settings: Settings) -> AsyncIterator[RoleProcess]:
    """The recommend role, starting, on one core."""
    async with supervised(settings) as supervisor:
        worker = supervisor.start("recommend")
        os.sched_setaffinity(worker.process.pid, _one_core())
        yield worker


async def by_role(settings: Settings, events: int) -> list[Sample]:
    """What the role does with the events: it is watched from before it is ready."""
    async with role(settings) as worker:
        return await samples(worker.process.pid, settings, "recommend", events)


async def recovery(settings: Settings) -> float:
    """Seconds until a new process of the role is ready, its tables recovered."""
    begun = time.perf_counter()
    async with role(settings) as worker:
        await until_ready(worker, 600)
        return time.perf_counter() - begun


async def by_raw(settings: Settings, events: int) -> list[Sample]:
    """What the plain process does with them."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.raw_learner", env=os.environ | settings.environment()
    )
    os.sched_setaffinity(process.pid, _one_core())
    try:
        return await samples(process.pid, settings, "raw", events)
    finally:
        process.terminate()
        await process.wait()


def _one_core() -> set[int]:
    return {min(os.sched_getaffinity(0))}


async def seed(settings: Settings, users: int, events: int) -> None:
    """Topics, rows and reactions."""
    await create(settings)
    client = admin(settings)
    await client.start()
    await client.create_topics(
        [NewTopic(changelog(settings.prefix, "raw", "preferences"), PARTITIONS, 1)]
    )
    await client.close()
    await publish(
        settings, changelog(settings.prefix, "recommend", "preferences"), user_rows(users)
    )
    await publish(
        settings, changelog(settings.prefix, "recommend", "decisions"), decision_rows(users)
    )
    await publish(settings, settings.topic("feedback"), reactions(users, events))


def rates(name: str, taken: list[Sample]) -> dict[str, float | None]:
    """Events a second of the clock and of CPU time."""
    first, last = taken[0], taken[-1]
    events = last.records - first.records
    return {
        f"{name}events_s": events / (last.time - first.time),
        f"{name}events_cpu_s": events / (last.cpu - first.cpu),
    }


def slope(taken: list[Sample]) -> float:
    """Growth of memory over the second half, in MB for 100,000 events."""
    half = taken[len(taken) // 2 :]
    return float(
        np.polyfit([each.records / 1e5 for each in half], [each.rss for each in half], 1)[0]
    )


async def measure(
    settings: Settings, users: int, events: int, *, quick: bool
) -> dict[str, float | None]:
    """All figures on one Kafka; `quick` leaves out memory and recovery."""
    await seed(settings, users, events)
    raw = rates("raw_", await by_raw(settings, events))
    taken = await by_role(settings, events)
    own = rates("", taken)
    figures = own | raw | {
        "ratio": _over(own["events_s"], raw["raw_events_s"]),
        "ratio_cpu": _over(own["events_cpu_s"], raw["raw_events_cpu_s"]),
        "rss_slope_mb_per_100k": None if quick else slope(taken),
    }  # fmt: skip
    for store in ("rocksdb", "memory"):
        there = replace(settings, store=f"{store}://")
        figures[f"recovery_s_{store}"] = None if quick else await recovery(there)
    return figures


def _over(one: float | None, other: float | None) -> float | None:
    return one / other if one and other else None


async def main() -> None:
    """Measure and print."""
    given = arguments(__doc__ or "")
    with apache_kafka(PARTITIONS) as settings:
        show(
            await measure(settings, *(QUICK if given.quick else FULL), quick=given.quick),
            json=given.json,
        )


if __name__ == "__main__":
    asyncio.run(main())
