"""Headers: CloudEvents out; ids, deadlines and reply addresses of several ecosystems in; none can
break an event."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from schemas.classified import ClassifiedRequest
from schemas.requests import GenerationRequest
from streams.wire.codecs import decode, encode
from streams.wire.headers import cloud_event, event_id, expiry, reply_to, text, trace
from streams.wire.topics import BY_NAME

ALLOWED = ("replies.", "inbox-")
REQUESTS = BY_NAME["requests"]


def test_an_event_carries_the_cloud_events_attributes() -> None:
    headers = dict(
        cloud_event(REQUESTS, ce_id="1", source="/genre/plan", cause_id="0", correlation_id="r-1")
    )
    assert headers["content-type"] == b"application/json"
    assert headers["ce_specversion"] == b"1.0"
    assert headers["ce_type"] == b"genre.request.v1"
    assert headers["ce_id"] == b"1"
    assert headers["ce_source"] == b"/genre/plan"
    assert headers["ce_dataschema"].startswith(b"urn:genre:schema:request:v1")
    assert headers["ce_correlationid"] == b"r-1"
    assert headers["ce_causationid"] == b"0"
    assert datetime.fromisoformat(headers["ce_time"].decode()).utcoffset() is not None


def test_the_trace_is_handed_on_once_and_no_longer_than_the_standard_says() -> None:
    parent = b"00-" + b"a" * 32 + b"-" + b"b" * 16 + b"-01"
    pairs = [("traceparent", parent), ("x", b"y"), *[("tracestate", b"k=v")] * 1000]
    assert trace(pairs) == (("traceparent", parent), ("tracestate", b"k=v"))
    assert trace([("traceparent", parent + b"0"), ("tracestate", b"k" * 4_000_000)]) == ()


def test_a_header_of_megabytes_is_no_text() -> None:
    assert text([("ce_id", "\u4e2d".encode() * 512)], "ce_id") == "\u4e2d" * 512
    assert text([("ce_id", b"x" * 4_000_000)], "ce_id") is None


def test_what_is_unknown_is_left_out() -> None:
    headers = dict(
        cloud_event(REQUESTS, ce_id="1", source="/x", cause_id=None, correlation_id=None)
    )
    assert "ce_correlationid" not in headers and "ce_causationid" not in headers


def test_the_id_of_an_event_is_a_function_of_its_type_and_identity() -> None:
    assert event_id(REQUESTS, "ada/r-1") == event_id(REQUESTS, "ada/r-1")
    ids = {
        event_id(topic, identity)
        for topic in BY_NAME.values()
        for identity in ("ada/r-1", "ada/r-2")
    }
    assert len(ids) == 2 * len(BY_NAME)


@pytest.mark.parametrize(
    ("topic_header", "correlation_header"),
    [
        ("reply-to", "ce_correlationid"),
        ("reply_to", "correlation_id"),
        ("kafka_replyTopic", "kafka_correlationId"),
        ("Faust-Ag-ReplyTo", "Faust-Ag-CorrelationId"),
    ],
)
def test_reply_headers_of_plain_clients_faststream_spring_and_faust(
    topic_header: str, correlation_header: str
) -> None:
    found = reply_to([(topic_header, b"replies.shop"), (correlation_header, b"c-1")], ALLOWED)
    assert found is not None
    assert (found.topic, found.partition, found.correlation_id) == ("replies.shop", None, "c-1")


@pytest.mark.parametrize(
    ("value", "partition"),
    [
        (b"3", 3),
        (b"\x00\x00\x00\x03", 3),
        (b"0", 0),
        (b"", None),
        (b"-1", None),
        (b"\xff\xff\xff\xff", None),
        (b"three", None),
        (b"2147483647", 2147483647),
        (b"2147483648", None),
        (b"9" * 30, None),
        (b"9" * 10_000, None),
    ],
)
def test_the_partition_of_a_reply_is_an_int32_or_nothing(
    value: bytes, partition: int | None
) -> None:
    for name in ("reply-partition", "kafka_replyPartition"):
        found = reply_to([("reply-to", b"replies.shop"), (name, value)], ALLOWED)
        assert found is not None and found.partition == partition


@given(raw=st.binary(max_size=512))
@example(raw=bytes(range(256)))
@example(raw=b"\n")
def test_a_binary_correlation_id_travels_unchanged(raw: bytes) -> None:
    found = reply_to([("reply-to", b"replies.shop"), ("kafka_correlationId", raw)], ALLOWED)
    assert found is not None and found.correlation_id is not None
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    request = GenerationRequest(user_id="ada", prompt="p")
    event = ClassifiedRequest(
        request_id="r",
        user_id="ada",
        request=request,
        received=moment,
        deadline=moment,
        reply=found,
    )
    read = decode(encode(event), ClassifiedRequest)
    assert read.reply is not None and read.reply.correlation_id is not None
    assert read.reply.correlation_id.encode("latin-1") == raw


@pytest.mark.parametrize(
    "topic",
    [
        b"genre.requests",
        b"genre.recommendations",
        b"__consumer_offsets",
        b"repliesx",
        b"xreplies.shop",
        b"replies.sh/op",
        b"replies.shop\n",
        b"replies.\xff",
        b"replies." + b"x" * 300,
        b"",
    ],
)
def test_only_allowed_topics_are_ever_answered_to(topic: bytes) -> None:
    assert reply_to([("reply-to", topic)], ALLOWED) is None


def test_nothing_is_allowed_without_prefixes() -> None:
    assert reply_to([("reply-to", b"replies.shop")], ()) is None


@pytest.mark.parametrize("value", [b"2026-03-04T05:06:07Z", b"2026-03-04T06:06:07+01:00"])
def test_the_deadline_of_a_header(value: bytes) -> None:
    assert expiry([("ce_expirytime", value)]) == datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)


@pytest.mark.parametrize(
    "value",
    [b"", b"tomorrow", b"2026-03-04T05:06:07", b"\xff", b"2026-13-04T05:06:07Z", b"9" * 600],
)
def test_a_deadline_that_is_none_is_ignored(value: bytes) -> None:
    assert expiry([("ce_expirytime", value)]) is None


@pytest.mark.parametrize("value", [b"", b"a\x00b", b"a\nb", b"x" * 513, "a\u202eb".encode()])
def test_unprintable_header_values_are_not_there(value: bytes) -> None:
    assert text([("ce_id", value)], "ce_id") is None


def test_the_first_name_that_is_there_wins() -> None:
    assert text([("b", b"2"), ("a", b"1")], "a", "b") == "1"
    assert text([("b", b"2")], "a", "b") == "2"


def test_trace_context_is_handed_on_and_nothing_else() -> None:
    headers = (("traceparent", b"00-1"), ("tracestate", b"x=1"), ("authorization", b"secret"))
    assert trace(headers) == (("traceparent", b"00-1"), ("tracestate", b"x=1"))


_NAMES = st.sampled_from(
    ["reply-to", "reply-partition", "ce_correlationid", "ce_expirytime", "ce_id", "traceparent"]
)


@given(headers=st.lists(st.tuples(_NAMES, st.binary(max_size=40) | st.just(b"replies.x"))))
def test_whatever_headers_arrive_none_of_them_raises(headers: list[tuple[str, bytes]]) -> None:
    expiry(headers)
    text(headers, "ce_id")
    trace(headers)
    found = reply_to(headers, ALLOWED)
    assert found is None or found.topic.startswith(ALLOWED)
