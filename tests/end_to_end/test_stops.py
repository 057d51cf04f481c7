"""Real workers on Apache Kafka that are asked to stop, are killed, or are paused."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

import pytest
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from agents.supervisor import RoleProcess, Supervisor, until_ready
from genre_models.preferences.row import UserRow
from schemas.candidates import CandidateSet
from schemas.generations import ArmTask, GenerationTask
from schemas.users import UserCommand
from streams.clients.embedded_broker import EmbeddedBroker
from streams.clients.kafka import admin, committed, members, producer
from streams.clients.reader import read
from streams.clients.topic_admin import create
from streams.ending import EXIT_CODE, UNFINISHED
from streams.settings import Settings
from streams.wire.codecs import decode, encode
from streams.wire.source import Source
from streams.wire.topics import changelog
from tests.end_to_end.conftest import on_kafka

Start = Callable[[float], RoleProcess]


@asynccontextmanager
async def generating(
    address: str, folder: Path, monkeypatch: pytest.MonkeyPatch, **changes: object
) -> AsyncIterator[tuple[Settings, Start]]:
    """Settings of a fresh prefix, and what starts a generate worker each of whose steps takes that
    many seconds."""
    async with on_kafka(address, folder, **changes) as settings:
        await create(settings)
        async with Supervisor(settings, logs=folder, module="benchmarks.stand_ins") as supervisor:

            def start(pause: float) -> RoleProcess:
                monkeypatch.setenv("GENRE_STAND_IN_PAUSE", str(pause))
                return supervisor.start("generate")

            yield settings, start


async def ready(*workers: RoleProcess) -> None:
    await asyncio.gather(*(until_ready(worker, 60) for worker in workers))


async def ended(worker: RoleProcess, within: float) -> int:
    """The exit code of a worker that ends within so many seconds."""
    return await asyncio.to_thread(worker.process.wait, within)


async def publish(settings: Settings, first: int, last: int) -> None:
    """One task for each number, in the partitions in turn."""
    async with producer(settings) as out:
        for number in range(first, last):
            task = GenerationTask(
                request_id=f"r{number}",
                user_id="ada",
                prompt="a joke about fog",
                arms=(ArmTask(index=0, seed=number),),
                max_tokens=16,
                temperature=0.7,
                top_p=0.9,
                deadline=datetime.now(UTC) + timedelta(seconds=60),
            )
            await out.send_and_wait(
                settings.topic("generations"),
                encode(task),
                key=f"ada/r{number}".encode(),
                partition=number % settings.partitions,
            )


async def written(settings: Settings) -> dict[str, list[CandidateSet]]:
    """The sets that stand in Kafka, by request."""
    found: dict[str, list[CandidateSet]] = {}
    async for record in read(settings, settings.topic("candidates")):
        answer = decode(record.value, CandidateSet)
        found.setdefault(answer.request_id, []).append(answer)
    return found


async def until_written(settings: Settings, count: int, within: float) -> float:
    """Seconds until so many requests have their sets."""
    begun = time.monotonic()
    async with asyncio.timeout(within):
        while len(await written(settings)) < count:
            await asyncio.sleep(0.1)
    return time.monotonic() - begun


async def backlog(settings: Settings) -> int:
    """How many tasks are not committed."""
    offsets = await committed(settings, settings.topic("generate"), settings.topic("generations"))
    total = 0
    async for _ in read(settings, settings.topic("generations")):
        total += 1
    return total - sum(max(offset, 0) for offset in offsets.values())


@pytest.mark.kafka
async def test_rows_under_way_hold_up_neither_a_rebalance_nor_an_end_and_are_not_lost(
    kafka_address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changes = {"session_timeout": 2.0, "heartbeat": 0.3, "stop_limit": 8.0}
    async with generating(kafka_address, tmp_path, monkeypatch, **changes) as (settings, start):
        hopeless, quick = start(300.0), start(0.05)
        await ready(hopeless, quick)
        await publish(settings, 0, 4)
        await until_written(settings, 2, within=10)
        # Of the two partitions of the first worker, one at least goes to another.
        slow = start(2.0)
        await ready(slow)
        await until_written(settings, 3, within=10)
        # The first one, too, goes on with what it owns now.
        await publish(settings, 4, 8)
        async with asyncio.timeout(10):
            while (await until_ready(hopeless, 10))["in_flight"] == {"generations": 0}:
                await asyncio.sleep(0.1)
        hopeless.process.kill()
        await until_written(settings, 8, within=20)

        await publish(settings, 8, 12)
        await asyncio.sleep(0.3)
        for worker in (quick, slow):
            worker.process.send_signal(signal.SIGTERM)
        # The quick one leaves while the slow one writes: a rebalance in the middle of its end.
        assert (await ended(quick, 9), await ended(slow, 9)) == (0, 0)
        assert await members(settings, settings.topic("generate")) == 0
        answers = await written(settings)
        assert await backlog(settings) == 12 - len(answers)
        assert not any(each.failure for sets in answers.values() for each in sets)


async def command(settings: Settings, kind: Literal["consent", "explore"], allowed: bool) -> None:
    """Have the user decide."""
    event = UserCommand(user_id="ada", kind=kind, allowed=allowed)
    async with producer(settings) as out:
        await out.send_and_wait(settings.topic("users"), encode(event), key=b"ada")


async def rows(settings: Settings) -> list[Source]:
    """All rows of the user that stand in the changelog."""
    name = changelog(settings.prefix, "recommend", "preferences")
    return [record async for record in read(settings, name) if record.key == b"ada"]


async def until_row(settings: Settings, consent: bool | None, opted_out: bool) -> Source:
    """Wait until the last row says so."""
    async with asyncio.timeout(20):
        while True:
            for last in (await rows(settings))[-1:]:
                row = UserRow.unpack(last.value or b"")
                if (row.consent, row.opted_out) == (consent, opted_out):
                    return last
            await asyncio.sleep(0.1)


async def compacted(settings: Settings) -> None:
    """Wait until Kafka has compacted the changelog to one row of the user."""
    name = changelog(settings.prefix, "recommend", "preferences")
    config = {
        "segment.ms": "100",
        "min.cleanable.dirty.ratio": "0.001",
        "cleanup.policy": "compact",
    }
    client = admin(settings)
    await client.start()
    await client.alter_configs([ConfigResource(ConfigResourceType.TOPIC, name, configs=config)])
    await client.close()
    async with asyncio.timeout(40), producer(settings) as out:
        while len(await rows(settings)) > 1:
            # A segment is closed by the next record.
            await out.send_and_wait(name, b"", key=b"\0filler", partition=0)
            await asyncio.sleep(0.5)


@pytest.mark.kafka
async def test_what_a_paused_worker_still_writes_does_not_win(
    kafka_address: str, tmp_path: Path
) -> None:
    changes = {"session_timeout": 2.0, "heartbeat": 0.3, "partitions": 1}
    async with on_kafka(kafka_address, tmp_path, **changes) as settings:
        await create(settings)
        async with Supervisor(settings, logs=tmp_path, module="benchmarks.stand_ins") as supervisor:
            paused = supervisor.start("recommend")
            await ready(paused)
            await command(settings, "explore", False)
            old = await until_row(settings, None, True)
            paused.process.send_signal(signal.SIGSTOP)
            owner = supervisor.start("recommend")
            await ready(owner)
            await command(settings, "consent", False)
            new = await until_row(settings, False, True)
            # As if it had been under way when its worker was paused.
            async with producer(settings) as out:
                late = await out.send_and_wait(
                    new.topic, old.value, key=old.key, partition=0, headers=list(old.headers)
                )
            paused.process.send_signal(signal.SIGCONT)
            assert await ended(paused, 5) == EXIT_CODE
            assert (await until_row(settings, False, True)).offset > late.offset
            await compacted(settings)
            owner.process.kill()
            await ready(supervisor.start("recommend"))
            await command(settings, "explore", True)
            await until_row(settings, False, False)


async def test_without_a_broker_a_worker_ends_at_its_limit_and_at_a_second_signal_at_once(
    broker: EmbeddedBroker, tmp_path: Path
) -> None:
    settings = replace(broker.settings, stop_limit=2.0, log_level="INFO")
    async with Supervisor(settings, logs=tmp_path, module="benchmarks.stand_ins") as supervisor:
        workers = [supervisor.start(role) for role in ("recommend", "generate", "train")]
        impatient = supervisor.start("classify")
        await ready(*workers, impatient)
        os.kill(broker.pid, signal.SIGSTOP)
        try:
            for worker in (*workers, impatient):
                worker.process.send_signal(signal.SIGTERM)
            await asyncio.sleep(0.2)
            impatient.process.send_signal(signal.SIGTERM)
            assert await ended(impatient, 1) == 128 + signal.SIGTERM
            assert {await ended(worker, 4) for worker in workers} <= {0, UNFINISHED}
        finally:
            os.kill(broker.pid, signal.SIGCONT)
