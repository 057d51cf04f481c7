"""Plain aiokafka clients with this process's settings: for commands, followers, administration."""

from __future__ import annotations

import asyncio
import ssl
from typing import Any

from aiokafka import AIOKafkaClient, AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from schemas.errors import NotReady
from streams.clients.fetching import close_whole
from streams.clients.records import accept_any_header_name
from streams.settings import Settings
from streams.wire.limits import MAX_REQUEST_BYTES


def security(settings: Settings) -> dict[str, Any]:
    """The connection arguments of aiokafka for this broker's protocol."""
    arguments: dict[str, Any] = {"security_protocol": settings.security_protocol}
    if "SSL" in settings.security_protocol:
        arguments["ssl_context"] = ssl_context(settings)
    if settings.security_protocol.startswith("SASL"):
        arguments |= {
            "sasl_mechanism": "SCRAM-SHA-512",
            "sasl_plain_username": settings.sasl_username,
            "sasl_plain_password": settings.sasl_password,
        }
    return arguments


def ssl_context(settings: Settings) -> ssl.SSLContext:
    """Trusts the system's authorities, or only `ca_file` where one is set."""
    return ssl.create_default_context(cafile=settings.ca_file or None)


def producer(settings: Settings, **overrides: Any) -> AIOKafkaProducer:
    """A producer that waits for every replica; idempotent where the broker can."""
    arguments: dict[str, Any] = {
        "bootstrap_servers": settings.brokers,
        "acks": "all",
        "enable_idempotence": not settings.embedded,
        "max_request_size": MAX_REQUEST_BYTES,
        "request_timeout_ms": 30_000,
        **security(settings),
    }
    return AIOKafkaProducer(**(arguments | overrides))


def consumer(settings: Settings, *topics: str, **overrides: Any) -> AIOKafkaConsumer:
    """A consumer without a group that never commits; start it, then assign or seek."""
    accept_any_header_name()
    close_whole()
    arguments: dict[str, Any] = {
        "bootstrap_servers": settings.brokers,
        "enable_auto_commit": False,
        "auto_offset_reset": "earliest",
        "fetch_max_wait_ms": int(settings.fetch_wait * 1000),
        "max_partition_fetch_bytes": MAX_REQUEST_BYTES,
        **security(settings),
    }
    return AIOKafkaConsumer(*topics, **(arguments | overrides))


def set_fetch_wait(reader: AIOKafkaConsumer, seconds: float) -> None:
    """Change how long each fetch of a consumer may wait for records; before it is started."""
    reader._fetch_max_wait_ms = int(seconds * 1000)


def admin(settings: Settings) -> AIOKafkaAdminClient:
    """An administration client."""
    return AIOKafkaAdminClient(
        bootstrap_servers=settings.brokers, request_timeout_ms=30_000, **security(settings)
    )


async def reach(settings: Settings, *, within: float = 5.0) -> None:
    """Return when a broker answers. Raises NotReady (no_broker) with one helpful line otherwise."""
    client = AIOKafkaClient(
        bootstrap_servers=settings.brokers,
        request_timeout_ms=int(within * 1000),
        **security(settings),
    )
    try:
        await asyncio.wait_for(client.bootstrap(), within)
    except (KafkaError, OSError, TimeoutError, ssl.SSLError) as error:
        raise NotReady(
            "no_broker",
            f"No Kafka broker answers at {settings.brokers} ({type(error).__name__}). "
            "Start one with `genre up`, or set GENRE_BROKERS to the address of yours.",
        ) from error
    finally:
        await client.close()


async def cluster_id(settings: Settings) -> str:
    """The id that the cluster gives itself."""
    client = admin(settings)
    await client.start()
    try:
        return str((await client.describe_cluster())["cluster_id"])
    finally:
        await client.close()


async def committed(settings: Settings, group: str, *topics: str) -> dict[tuple[str, int], int]:
    """The next offset that a consumer group will read of these topics, by topic and partition."""
    client = admin(settings)
    await client.start()
    try:
        # The embedded broker cannot answer for all partitions without being told which.
        places = [
            TopicPartition(topic, number)
            for topic in topics
            for number in range(settings.partitions)
        ]
        offsets = await client.list_consumer_group_offsets(group, partitions=places)
        return {(place.topic, place.partition): at.offset for place, at in offsets.items()}
    finally:
        await client.close()


async def members(settings: Settings, group: str) -> int:
    """How many workers a consumer group has now."""
    client = admin(settings)
    await client.start()
    try:
        (answer,) = await client.describe_consumer_groups([group])
        return sum(len(described["members"]) for described in answer.to_object()["groups"])
    finally:
        await client.close()


class ReplyTopics:
    """Whether a client's reply topic exists, asked of the cluster at most every 10 s a topic."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._known: dict[str, tuple[float, int]] = {}

    async def exists(self, topic: str, partition: int | None) -> bool:
        """True when the topic is there and, where one is named, has that partition."""
        now = asyncio.get_running_loop().time()
        asked, partitions = self._known.get(topic, (-60.0, 0))
        if now - asked > (600.0 if partitions else 10.0):
            partitions = await self._partitions(topic)
            self._known[topic] = (now, partitions)
        return partitions > (partition or 0)

    async def _partitions(self, topic: str) -> int:
        client = admin(self._settings)
        await client.start()
        try:
            # Asking for a topic by name would create it where a broker creates topics by itself.
            there = topic in await client.list_topics()
            described = await client.describe_topics([topic]) if there else []
        finally:
            await client.close()
        if not described or described[0].get("error_code"):
            return 0
        return len(described[0].get("partitions") or ())
