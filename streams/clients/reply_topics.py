"""Whether a client's reply topic exists; asked without creating it."""

from __future__ import annotations

import asyncio

from aiokafka.admin import AIOKafkaAdminClient

from streams.clients.kafka import admin
from streams.settings import Settings

# Seconds for which an answer holds: a topic that was not there may be made any moment.
_THERE, _NOT_THERE = 600.0, 10.0
_MOST_KNOWN = 1_000


class ReplyTopics:
    """Asks the cluster, over one connection, at most every 10 s for each topic; `close` it."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._known: dict[str, tuple[float, int]] = {}
        self._client: AIOKafkaAdminClient | None = None
        self._asking = asyncio.Lock()

    async def exists(self, topic: str, partition: int | None) -> bool:
        """True when the topic is there and, where one is named, has that partition.

        Raises what the cluster raises.
        """
        async with self._asking:
            now = asyncio.get_running_loop().time()
            until, partitions = self._known.get(topic, (0.0, 0))
            if now >= until:
                partitions = await self._partitions(topic)
                self._known.pop(topic, None)
                self._known[topic] = (now + (_THERE if partitions else _NOT_THERE), partitions)
            while len(self._known) > _MOST_KNOWN:
                self._known.pop(next(iter(self._known)))
        return partitions > (partition or 0)

    async def close(self) -> None:
        """Close the connection; the next question opens another."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    async def _partitions(self, topic: str) -> int:
        try:
            if self._client is None:
                self._client = admin(self._settings)
                await self._client.start()
            # Asking for a topic by name would create it where a broker creates topics by itself.
            described = await self._client.describe_topics()
        except BaseException:
            await self.close()
            raise
        return next(
            (len(each["partitions"]) for each in described if each["topic"] == topic),
            0,
        )
