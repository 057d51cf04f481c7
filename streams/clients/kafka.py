"""Plain aiokafka clients with this process's settings: for commands, followers, administration."""

from __future__ import annotations

import asyncio
import ssl
from typing import Any

from aiokafka import AIOKafkaClient, AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError, MessageSizeTooLargeError, RecordListTooLargeError

from schemas.errors import NotReady
from streams.clients.compression import require_codecs
from streams.clients.fetching import close_whole
from streams.clients.records import read_any_record
from streams.settings import Settings
from streams.wire.limits import MAX_REQUEST_BYTES

FAILURES = (KafkaError, OSError)
"""What tells of brokers, of the network or of the disk, not of a record."""
TOO_LARGE = (MessageSizeTooLargeError, RecordListTooLargeError)
"""What a producer raises, and a broker answers, for a record beyond their limits."""
COMMITTED = "read_committed"
"""The isolation level of every consumer: records of aborted transactions are not seen."""


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


def harden_consumers() -> None:
    """Let every consumer of this process read whatever a topic holds, and stop as a whole.

    Raises NotReady (no_codec) where a compression codec does not work.
    """
    require_codecs()
    read_any_record()
    close_whole()


def consumer(settings: Settings, *topics: str, **overrides: Any) -> AIOKafkaConsumer:
    """A consumer without a group that never commits; start it, then assign or seek.

    Raises as `harden_consumers`.
    """
    harden_consumers()
    arguments: dict[str, Any] = {
        "bootstrap_servers": settings.brokers,
        "enable_auto_commit": False,
        "auto_offset_reset": "earliest",
        "fetch_max_wait_ms": int(settings.fetch_wait * 1000),
        "max_partition_fetch_bytes": MAX_REQUEST_BYTES,
        "isolation_level": COMMITTED,
        **security(settings),
    }
    return AIOKafkaConsumer(*topics, **(arguments | overrides))


def suit(reader: AIOKafkaConsumer, *, fetch_wait: float) -> None:
    """Have a consumer that Faust made read as ours do; before it is started.

    Only committed records, each fetch waiting for them at most `fetch_wait` seconds.
    """
    reader._fetch_max_wait_ms = int(fetch_wait * 1000)
    reader._isolation_level = COMMITTED


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
