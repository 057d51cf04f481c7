"""Say that a user likes a text, and watch what GENRE believes about that user change.

    python examples/02_follow_feedback.py REQUEST_ID USER_ID [BROKERS]

REQUEST_ID is a request of USER_ID that was answered, for instance the one that the first example
prints (its user is `ada`). BROKERS is as in the first example.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import uuid
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaConnectionError

PREFIX = os.environ.get("GENRE_PREFIX", "genre.")


async def like(brokers: str, user_id: str, request_id: str) -> None:
    """Publish one reaction to the first candidate of a request."""
    # With an id of its own a reaction counts once, however often it is sent again after a time-out.
    reaction = {
        "user_id": user_id,
        "kind": "like",
        "request_id": request_id,
        "candidate_id": f"{request_id}/0",
        "feedback_id": uuid.uuid4().hex,
    }
    async with AIOKafkaProducer(bootstrap_servers=brokers, acks="all") as producer:
        await producer.send_and_wait(
            PREFIX + "feedback", json.dumps(reaction).encode(), key=user_id.encode()
        )


async def next_profile(consumer: AIOKafkaConsumer, user_id: str) -> dict[str, Any]:
    """The next profile of this user; others are skipped."""
    async for record in consumer:
        # A value of null is a tombstone: this user's data was erased.
        if record.key == user_id.encode() and record.value is not None:
            profile: dict[str, Any] = json.loads(record.value)
            return profile
    raise ConnectionError("the consumer was closed")


async def main(request_id: str, user_id: str, brokers: str) -> None:
    """Like a text and print the profile that has learned of it."""
    topic = PREFIX + "preferences"
    async with AIOKafkaConsumer(
        bootstrap_servers=brokers, isolation_level="read_committed"
    ) as consumer:
        # The topic is compacted: read from the beginning, it tells the newest profile of everybody.
        # Here we only want to see what changes, so we go to its end before we publish anything.
        await consumer.topics()
        numbers = consumer.partitions_for_topic(topic) or ()
        partitions = [TopicPartition(topic, number) for number in numbers]
        consumer.assign(partitions)
        await consumer.seek_to_end(*partitions)

        await like(brokers, user_id, request_id)
        profile = await asyncio.wait_for(next_profile(consumer, user_id), timeout=30)

    print(f"after {profile['reactions']} reactions: {profile['summary'] or 'nothing sure yet'}")
    for leaning in (*profile["likes"], *profile["dislikes"]):
        print(f"  {leaning['about']}: {leaning['mean']:+.2f} ± {leaning['deviation']:.2f}")


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    default = os.environ.get("GENRE_BROKERS", "127.0.0.1:9092")
    address = sys.argv[3] if len(sys.argv) > 3 else default
    try:
        asyncio.run(main(sys.argv[1], sys.argv[2], address))
    except KafkaConnectionError:
        sys.exit(
            f"No Kafka broker answers at {address}; `make run` starts one and prints its address."
        )
