"""The contract as documents: fresh, true to the codec, and whole."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from schemas.errors import InvalidEvent
from streams.wire.asyncapi import CHECKED_IN, document, printed, schemas
from streams.wire.codecs import decode, encode
from streams.wire.topics import BY_NAME, TOPICS, Topic
from tests.schemas.strategies import events
from tests.schemas.test_golden import DOCUMENTS

SCHEMAS = schemas()


def validator(topic: str) -> Draft202012Validator:
    reference = {"$ref": f"#/components/schemas/{BY_NAME[topic].event.__name__}"}
    return Draft202012Validator(reference | {"components": {"schemas": SCHEMAS}})


def is_accepted(topic: str, event: Any) -> bool:
    try:
        decode(orjson.dumps(event), BY_NAME[topic].event)
    except InvalidEvent:
        return False
    return True


def test_the_checked_in_document_is_fresh() -> None:
    assert CHECKED_IN.read_bytes() == printed(document()), (
        "docs/schemas/asyncapi.json is stale; run `python -m docs`"
    )


def test_every_schema_is_one() -> None:
    for schema in SCHEMAS.values():
        Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize(
    ("topic", "name"), [(topic, name) for topic, named in DOCUMENTS.items() for name in named]
)
def test_golden_documents_fit_their_schemas(topic: str, name: str) -> None:
    assert list(validator(topic).iter_errors(DOCUMENTS[topic][name])) == []


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_whatever_is_published_fits_its_schema(topic: Topic, data: st.DataObject) -> None:
    event = orjson.loads(encode(data.draw(events(topic.event))))
    assert list(validator(topic.name).iter_errors(event)) == []


@pytest.mark.parametrize(
    ("topic", "changes"),
    [
        ("requests", {"candidates": 9}),
        ("requests", {"candidates": "4"}),
        ("requests", {"candidates": True}),
        ("requests", {"user_id": "../x"}),
        ("requests", {"user_id": "ada\n"}),
        ("requests", {"user_id": ".."}),
        ("requests", {"prompt": ""}),
        ("requests", {"genre": "A joke"}),
        ("requests", {"context": {"a": {"b": "c"}}}),
        ("requests", {"unknown": "field"}),
        ("feedback", {"kind": "adore"}),
        ("feedback", {"kind": "rating"}),
        ("feedback", {"kind": "rating", "value": 4}),
        ("feedback", {"kind": "edit", "text": None}),
        ("feedback", {"candidate_id": None}),
        ("feedback", {"candidate_id": "r-1/8"}),
        ("users", {"kind": "delete"}),
        ("adapters", {"digest": "0"}),
        ("generations", {"arms": []}),
    ],
)
def test_schema_and_codec_agree(topic: str, changes: dict[str, Any]) -> None:
    event = DOCUMENTS[topic]["minimal"] | changes
    assert validator(topic).is_valid(event) == is_accepted(topic, event)


def test_every_topic_has_its_channel_and_what_it_says_exists() -> None:
    contract = document("acme.")
    assert [channel["address"] for channel in contract["channels"].values()] == [
        f"acme.{topic.name}" for topic in TOPICS
    ]
    for reference in _references(contract):
        found: Any = contract
        for name in reference.removeprefix("#/").split("/"):
            found = found[name]


def test_clients_see_what_to_publish_and_what_to_read() -> None:
    operations = document()["operations"]
    for topic in TOPICS:
        assert (f"receive_{topic.name}" in operations) or not topic.written_by_clients
    assert operations["send_recommendations"]["action"] == "send"
    reply = operations["receive_requests"]["reply"]
    assert reply["address"]["location"] == "$message.header#/reply-to"
    assert reply["channel"]["$ref"] == "#/channels/recommendations"


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for name, inner in value.items():
            if name == "$ref":
                yield inner
            else:
                yield from _references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _references(inner)
