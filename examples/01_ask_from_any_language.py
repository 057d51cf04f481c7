"""Ask GENRE for a text with nothing but a Kafka client.

Any language can do the same: publish JSON, read JSON.

    python examples/01_ask_from_any_language.py [BROKERS]

BROKERS is a comma-separated list of host:port; without it GENRE_BROKERS counts, else
127.0.0.1:9092.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import uuid
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaConnectionError, TopicAlreadyExistsError, for_code

REQUESTS = os.environ.get("GENRE_PREFIX", "genre.") + "requests"

# GENRE answers only to topics with an allowed prefix (GENRE_REPLY_PREFIXES, `replies.` by default).
REPLIES = "replies.example"


async def create_reply_topic(brokers: str) -> None:
    """The reply topic is ours: GENRE writes to it, but never creates it."""
    admin = AIOKafkaAdminClient(bootstrap_servers=brokers)
    await admin.start()
    try:
        # Kept for an hour, in one copy: a lost reply still stands on `genre.recommendations`.
        config = {"retention.ms": "3600000", "min.insync.replicas": "1"}
        topic = NewTopic(REPLIES, num_partitions=1, replication_factor=1, topic_configs=config)
        for name, code, *_ in (await admin.create_topics([topic])).topic_errors:
            if code and for_code(code) is not TopicAlreadyExistsError:
                sys.exit(f"Kafka refused to create {name}: {for_code(code).__name__}")
    finally:
        await admin.close()


async def ask(brokers: str, user_id: str, prompt: str) -> dict[str, Any]:
    """Publish one request and wait for its answer."""
    producer = AIOKafkaProducer(bootstrap_servers=brokers, acks="all")
    consumer = AIOKafkaConsumer(bootstrap_servers=brokers, isolation_level="read_committed")
    await producer.start()
    await consumer.start()
    try:
        # Go to the topic's end before asking, so that no answer is missed. No group is needed.
        partition = TopicPartition(REPLIES, 0)
        consumer.assign([partition])
        await consumer.seek_to_end(partition)
        await consumer.position(partition)

        # Only `user_id` and `prompt` are required. The key is the user's id, hashed with murmur2:
        # librdkafka clients (kcat, confluent-kafka, Go, .NET), unlike those in Java, must be told
        # so with `partitioner=murmur2_random`.
        correlation_id = uuid.uuid4().hex
        request = {"user_id": user_id, "prompt": prompt, "candidates": 2, "max_tokens": 48}
        headers = [("reply-to", REPLIES.encode()), ("ce_correlationid", correlation_id.encode())]
        await producer.send_and_wait(
            REQUESTS, json.dumps(request).encode(), key=user_id.encode(), headers=headers
        )

        async for record in consumer:
            # Others may use the same reply topic; an answer says by its correlation id whose it is.
            if dict(record.headers).get("ce_correlationid") == correlation_id.encode():
                answer: dict[str, Any] = json.loads(record.value)
                return answer
        raise ConnectionError("the consumer was closed")
    finally:
        await consumer.stop()
        await producer.stop()


async def main(brokers: str) -> None:
    """Ask once and print what came back."""
    await create_reply_topic(brokers)
    answer = await asyncio.wait_for(ask(brokers, "ada", "a joke about dentists"), timeout=90)

    # Every request gets exactly one answer: `ok` with ranked texts,
    # or `error`, `expired` or `declined` with a code.
    if answer["status"] != "ok":
        sys.exit(f"{answer['status']} ({answer['code']}): {answer['message']}")
    for place, candidate in enumerate(answer["candidates"], 1):
        print(f"{place}. [{candidate['genre']}] {candidate['text']}")
    # To rate one of them, publish this to `genre.feedback`:
    # {"user_id", "kind": "like", "request_id", "candidate_id"}.
    best = answer["candidates"][0]["candidate_id"]
    print(f"request {answer['request_id']}, best candidate {best}")


if __name__ == "__main__":
    default = os.environ.get("GENRE_BROKERS", "127.0.0.1:9092")
    address = sys.argv[1] if len(sys.argv) > 1 else default
    try:
        asyncio.run(main(address))
    except KafkaConnectionError:
        sys.exit(
            f"No Kafka broker answers at {address}; `make run` starts one and prints its address."
        )
