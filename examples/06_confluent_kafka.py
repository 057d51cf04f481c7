"""Ask GENRE with confluent-kafka, and like the best text.

    pip install confluent-kafka
    GENRE_BROKERS=127.0.0.1:9092 python examples/06_confluent_kafka.py

`make run` prints the address of its broker.
"""

from __future__ import annotations

import json
import os
import uuid

from confluent_kafka import Consumer, Producer, TopicPartition

brokers = {"bootstrap.servers": os.environ.get("GENRE_BROKERS", "127.0.0.1:9092")}
# Keys are hashed with murmur2, as Java does; librdkafka must be told so.
producer = Producer(brokers | {"partitioner": "murmur2_random"})
consumer = Consumer(brokers | {"group.id": "unused", "enable.auto.commit": False})


def publish(topic: str, event: dict[str, str]) -> None:
    """Publish an event under its user's key, and return when Kafka has it."""
    producer.produce(topic, json.dumps(event), key=event["user_id"])
    if producer.flush(30):
        raise SystemExit("Kafka did not take the event within 30 s.")


# Go to the end of the answers before asking, so that none is missed. No group is needed.
answers = "genre.recommendations"
numbers = consumer.list_topics(answers, timeout=10).topics[answers].partitions
places = [TopicPartition(answers, number) for number in numbers]
for place in places:
    place.offset = consumer.get_watermark_offsets(place, timeout=10)[1]
consumer.assign(places)

request_id = uuid.uuid4().hex
publish(
    "genre.requests",
    {"user_id": "ada", "prompt": "a joke about dentists", "request_id": request_id},
)
while True:
    record = consumer.poll(90)
    if record is None:
        raise SystemExit("No answer came within 90 s; are all roles running?")
    if record.error() or (answer := json.loads(record.value()))["request_id"] != request_id:
        continue
    break
if answer["status"] != "ok":
    raise SystemExit(f"{answer['status']} ({answer['code']}): {answer['message']}")
for number, candidate in enumerate(answer["candidates"], 1):
    print(f"{number}. {candidate['text']}")

best = answer["candidates"][0]["candidate_id"]
publish(
    "genre.feedback",
    {"user_id": "ada", "kind": "like", "request_id": request_id, "candidate_id": best},
)
consumer.close()
