"""Documents as earlier releases wrote them: they stay readable for ever.

A released document is never edited. A new optional field gets a new named document in its topic's
file."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import msgspec
import orjson
import pytest

from streams.wire.codecs import decode, encode
from streams.wire.topics import BY_NAME, TOPICS, Topic

FOLDER = Path(__file__).parent / "golden"
DOCUMENTS = {
    topic.name: json.loads((FOLDER / f"{topic.name}.json").read_text("utf-8")) for topic in TOPICS
}
NAMED = [(topic, name) for topic, documents in DOCUMENTS.items() for name in documents]

every_document = pytest.mark.parametrize(("topic", "name"), NAMED, ids=lambda value: str(value))


@every_document
def test_a_golden_document_is_read_and_written_again_as_it_is(topic: str, name: str) -> None:
    document = DOCUMENTS[topic][name]
    written = orjson.loads(encode(decode(orjson.dumps(document), BY_NAME[topic].event)))
    assert _part_like(document, written) == document


@every_document
def test_what_a_golden_document_leaves_out_has_its_default(topic: str, name: str) -> None:
    event = decode(orjson.dumps(DOCUMENTS[topic][name]), BY_NAME[topic].event)
    for field in dataclasses.fields(event):
        if field.name not in DOCUMENTS[topic][name]:
            assert getattr(event, field.name) == _default(field), field.name


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
def test_golden_documents_cover_every_field(topic: Topic) -> None:
    documents = DOCUMENTS[topic.name]
    assert {"minimal", "full"} <= set(documents)
    covered = {name for document in documents.values() for name in document}
    assert covered == {field.name for field in dataclasses.fields(topic.event)}


def test_a_minimal_document_without_a_required_field_is_refused() -> None:
    for topic in TOPICS:
        declared = msgspec.inspect.type_info(topic.event)
        assert isinstance(declared, msgspec.inspect.DataclassType)
        required = {field.name for field in declared.fields if field.required}
        minimal = DOCUMENTS[topic.name]["minimal"]
        assert required <= set(minimal)
        for name in required:
            shorter = {key: value for key, value in minimal.items() if key != name}
            with pytest.raises(msgspec.ValidationError, match=f"missing required field `{name}`"):
                msgspec.convert(shorter, topic.event)


def test_the_defaults_of_a_request_are_those_of_the_design() -> None:
    request = decode(b'{"user_id": "ada", "prompt": "p"}', BY_NAME["requests"].event)
    assert (request.candidates, request.max_tokens, request.temperature, request.stream) == (
        4,
        None,
        None,
        False,
    )


def test_no_golden_file_is_left_over() -> None:
    assert {path.stem for path in FOLDER.iterdir()} == set(BY_NAME)


def _part_like(document: Any, written: Any) -> Any:
    """The part of `written` that `document` speaks of: later releases may add optional fields."""
    if isinstance(document, dict) and isinstance(written, dict):
        return {name: _part_like(document[name], written.get(name)) for name in document}
    if isinstance(document, list) and isinstance(written, list) and len(document) == len(written):
        return [_part_like(one, other) for one, other in zip(document, written, strict=True)]
    return written


def _default(field: dataclasses.Field[Any]) -> Any:
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return field.default
