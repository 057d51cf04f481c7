"""Record headers: CloudEvents 1.0 (binary mode), reply headers with their aliases, trace context.

https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/kafka-protocol-binding.md
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from uuid import NAMESPACE_URL, uuid5

from schemas.parts import ReplyTo
from streams.wire.topics import Topic

Headers = tuple[tuple[str, bytes], ...]

REKEYED = "__genre.rekeyed"
ERRORS = "__genre.errors."
_NAMESPACE = uuid5(NAMESPACE_URL, "genre:event-id")
# https://www.w3.org/TR/trace-context: longer ones are dropped, for they would go on for ever.
_TRACE = {"traceparent": 55, "tracestate": 512}
_REPLY_TOPIC = ("reply-to", "kafka_replyTopic", "reply_to", "Faust-Ag-ReplyTo")
_REPLY_PARTITION = ("reply-partition", "kafka_replyPartition")
_CORRELATION = (
    "ce_correlationid",
    "correlation_id",
    "kafka_correlationId",
    "Faust-Ag-CorrelationId",
)
_LARGEST_PARTITION = 2**31 - 1
_LONGEST = 512  # characters of a value that is read
_TOPIC_NAME = re.compile(r"[A-Za-z0-9._-]{1,249}")


def event_id(topic: Topic, identity: str) -> str:
    """The `ce_id` of an event, from its type and what makes it unique: a repeat has the same."""
    return str(uuid5(_NAMESPACE, f"{topic.ce_type}:{identity}"))


def cloud_event(
    topic: Topic, *, ce_id: str, source: str, cause_id: str | None, correlation_id: str | None
) -> Headers:
    """Headers of an event that this process publishes."""
    given = {
        "content-type": "application/json",
        "ce_specversion": "1.0",
        "ce_id": ce_id,
        "ce_source": source,
        "ce_type": topic.ce_type,
        "ce_time": datetime.now(UTC).isoformat().replace("+00:00", "Z"),
        "ce_dataschema": f"urn:genre:schema:{topic.kind}:v1",
        "ce_correlationid": correlation_id,
        "ce_causationid": cause_id,
    }
    return tuple((name, value.encode()) for name, value in given.items() if value is not None)


def text(headers: Iterable[tuple[str, bytes]], *names: str) -> str | None:
    """The first readable, printable value among `names`; headers never break an event."""
    found = dict(headers)
    for name in names:
        value = found.get(name)
        if value is None or len(value) > 4 * _LONGEST:
            continue
        decoded = value.decode("utf-8", "replace")
        if decoded and decoded.isprintable() and len(decoded) <= _LONGEST:
            return decoded
    return None


def trace(headers: Iterable[tuple[str, bytes]]) -> Headers:
    """The trace context to hand on, each header at most once and of the standard's length."""
    found = dict(headers)
    return tuple(
        (name, found[name])
        for name, longest in _TRACE.items()
        if name in found and len(found[name]) <= longest
    )


def carried(headers: Iterable[tuple[str, bytes]]) -> Headers:
    """What a record that is published again keeps beside its id: the trace as far as it goes on."""
    pairs = tuple(headers)
    others = tuple(pair for pair in pairs if pair[0] != "ce_id" and pair[0] not in _TRACE)
    return (*others, *trace(pairs))


def expiry(headers: Iterable[tuple[str, bytes]]) -> datetime | None:
    """The deadline in `ce_expirytime`, if there is one with an offset."""
    value = text(headers, "ce_expirytime")
    try:
        moment = datetime.fromisoformat(value) if value else None
    except ValueError:
        return None
    return moment if moment is not None and moment.tzinfo is not None else None


def reply_to(headers: Iterable[tuple[str, bytes]], prefixes: tuple[str, ...]) -> ReplyTo | None:
    """Where the client wants the answer: only topics with an allowed prefix are ever written."""
    pairs = tuple(headers)
    topic = text(pairs, *_REPLY_TOPIC)
    if topic is None or not _TOPIC_NAME.fullmatch(topic) or not topic.startswith(prefixes):
        return None
    return ReplyTo(topic=topic, partition=_partition(pairs), correlation_id=_correlation(pairs))


def _correlation(headers: Headers) -> str | None:
    found = dict(headers)
    value = next((found[name] for name in _CORRELATION if name in found), None)
    # Spring sends 16 raw bytes; latin-1 gives every byte back unchanged.
    return None if value is None or len(value) > 512 else value.decode("latin-1")


def _partition(headers: Headers) -> int | None:
    found = dict(headers)
    value = next((found[name] for name in _REPLY_PARTITION if name in found), None)
    if value is None:
        return None
    # Spring sends a big-endian int32, others digits; a number that is no int32 names no partition.
    if value.isdigit():
        number = int(value) if len(value) <= 10 else _LARGEST_PARTITION + 1
    else:
        number = int.from_bytes(value, "big", signed=True) if len(value) == 4 else -1
    return number if 0 <= number <= _LARGEST_PARTITION else None
