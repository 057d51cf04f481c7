"""The recommend role's peer in `benchmarks.stream`: its learner over dicts, on plain aiokafka.

`python -m benchmarks.raw_learner` reads the seeded changelogs and learns the feedback topic for
ever. It writes one changelog record a reaction, as the role does, flushes and commits a batch, and
keeps the same population.
"""

from __future__ import annotations

import asyncio
import time
from functools import partial
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from agents.genres.registry import Registry
from agents.recommend.learn import Learner
from agents.recommend.ledger import Ledger
from agents.recommend.populations import PERIOD, Populations
from agents.roles import share_cores
from schemas.feedback import Feedback
from streams.clients.reader import read
from streams.settings import Settings
from streams.wire.codecs import decode
from streams.wire.partitions import home_of
from streams.wire.source import Source
from streams.wire.topics import changelog
from streams.worker.delivery import Delivery

_BATCH = 500


class Changes(dict[bytes, bytes]):
    """A table that notes what a batch changed."""

    def __init__(self) -> None:
        super().__init__()
        self.noted: list[tuple[bytes, bytes]] = []

    def __setitem__(self, key: bytes, row: bytes) -> None:
        super().__setitem__(key, row)
        self.noted.append((key, row))


def populations_over(users: Changes, partitions: int) -> Populations:
    """The product's population of every partition."""
    every = frozenset(range(partitions))
    return Populations(
        users=users,
        partition_of=partial(home_of, partitions=partitions),
        owned=lambda: every,
        partitions=partitions,
    )


async def recovered(settings: Settings, table: str) -> dict[bytes, bytes]:
    """The rows of a changelog of the role."""
    topic = changelog(settings.prefix, "recommend", table)
    return {
        record.key: record.value or b""
        async for record in read(settings, topic)
        if record.key is not None
    }


def _delivery(record: Any) -> Delivery[Feedback]:
    source = Source.of(record, timestamp=record.timestamp / 1000)
    return Delivery(event=decode(record.value, Feedback), source=source, id=str(source))


async def main() -> None:
    """Learn until killed."""
    share_cores()
    settings = Settings.from_environment()
    users = Changes()
    users.update(await recovered(settings, "preferences"))
    populations = populations_over(users, settings.partitions)
    ledger = Ledger(
        users=users,
        decisions=await recovered(settings, "decisions"),
        incarnation=1,
        changed=populations.changed,
    )
    learner, added_up = Learner(ledger=ledger, registry=Registry()), time.monotonic()
    target = changelog(settings.prefix, "raw", "preferences")
    async with (
        AIOKafkaConsumer(
            settings.topic("feedback"), bootstrap_servers=settings.brokers,
            group_id=settings.topic("raw"), auto_offset_reset="earliest", enable_auto_commit=False,
            isolation_level="read_committed",
        ) as consumer,
        AIOKafkaProducer(bootstrap_servers=settings.brokers, acks="all") as producer,
    ):  # fmt: skip
        while True:
            for place, records in (
                await consumer.getmany(timeout_ms=500, max_records=_BATCH)
            ).items():
                for record in records:
                    learner.learn_one(_delivery(record))
                noted, users.noted = users.noted, []
                for key, row in noted:
                    await producer.send(target, row, key, partition=place.partition)
            if time.monotonic() - added_up > PERIOD:
                populations.catch_up()
                added_up = time.monotonic()
            await producer.flush()
            await consumer.commit()


if __name__ == "__main__":
    asyncio.run(main())
