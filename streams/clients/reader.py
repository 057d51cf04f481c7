"""Reading a topic without a consumer group.

Every partition, or that of one key, from its beginning or its present end, up to that end or for
ever. What is read are committed records; an end is where the first transaction begins that is still
open, and the last records before it may be markers that nobody sees.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from types import TracebackType
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from schemas.errors import NotReady
from streams.clients.kafka import consumer
from streams.settings import Settings
from streams.wire.partitions import home_of
from streams.wire.source import Source

_MOMENT = 0.2  # seconds


class Reader:
    """One topic, open for reading inside the block: an asynchronous context manager.

    `topic` is the full name, and with `key` only that key's partition is read; `overrides` are
    arguments of aiokafka's consumer. Raises NotReady (no_topic) on entry when there is no such
    topic.
    """

    def __init__(
        self,
        settings: Settings,
        topic: str,
        *,
        key: str | None = None,
        beginning: bool = True,
        **overrides: Any,
    ) -> None:
        self._topic = topic
        self._key = key
        self._beginning = beginning
        self._consumer = consumer(settings, **overrides)
        self._ends: dict[TopicPartition, int] = {}

    async def __aenter__(self) -> Reader:
        try:
            await self._consumer.start()
            partitions = await self._partitions()
            self._consumer.assign(partitions)
            self._ends = await self._consumer.end_offsets(partitions)
            if self._beginning:
                await self._consumer.seek_to_beginning(*partitions)
            else:
                for partition, end in self._ends.items():
                    self._consumer.seek(partition, end)
        except BaseException:
            await self._consumer.stop()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._consumer.stop()

    @property
    def consumer(self) -> AIOKafkaConsumer:
        """aiokafka's consumer."""
        return self._consumer

    @property
    def ends(self) -> dict[int, int]:
        """The ends that the partitions had when it was opened, by their numbers."""
        return {each.partition: end for each, end in self._ends.items()}

    async def is_read(self) -> bool:
        """Whether all was taken that stood in the topic when it was opened."""
        return all([await self._consumer.position(each) >= end for each, end in self._ends.items()])

    async def take(self, *, within: float = _MOMENT) -> list[Source]:
        """The next records, in order within each partition; none when none came for so long."""
        taken = await self._consumer.getmany(timeout_ms=int(1000 * within))
        return [
            Source.of(record, timestamp=record.timestamp / 1000)
            for records in taken.values()
            for record in records
        ]

    async def between(self, start: int, stop: int) -> AsyncGenerator[Source, None]:
        """Records of a key's partition from `start` on, to `stop` or a little behind it.

        A batch is not cut.
        """
        (home,) = self._ends
        self._consumer.seek(home, start)
        while await self._consumer.position(home) < stop:
            for record in await self.take():
                yield record

    async def extent(self) -> tuple[int, int]:
        """The first offset of a key's partition, and the end that it had when it was opened."""
        ((home, end),) = self._ends.items()
        return (await self._consumer.beginning_offsets([home]))[home], end

    async def is_cut(self) -> bool:
        """Whether retention has removed the first records."""
        return any((await self._consumer.beginning_offsets(list(self._ends))).values())

    async def written(self) -> int:
        """How many records were ever written until now: the ends of the partitions together."""
        return sum((await self._consumer.end_offsets(list(self._ends))).values())

    async def _partitions(self) -> list[TopicPartition]:
        # The consumer knows the partitions of those topics only that its client has asked for.
        await self._consumer._client.add_topic(self._topic)
        numbers = self._consumer.partitions_for_topic(self._topic) or set()
        if not numbers:
            raise NotReady(
                "no_topic",
                f"Expected the topic {self._topic} to be there, got none; "
                "run `genre topics create`.",
            )
        read = sorted(numbers) if self._key is None else [home_of(self._key, len(numbers))]
        return [TopicPartition(self._topic, number) for number in read]


async def read(
    settings: Settings, topic: str, *, beginning: bool = True, follow: bool = False
) -> AsyncGenerator[Source, None]:
    """Records of a topic: up to its present end, or for ever with `follow`. Raises as `Reader`."""
    async with Reader(settings, topic, beginning=beginning) as reader:
        while follow or not await reader.is_read():
            for record in await reader.take():
                yield record
