"""The laws that every event of every topic keeps."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import FrozenInstanceError
from typing import Any

import msgspec
import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import inspect

from streams.wire.codecs import decode, encode
from streams.wire.topics import BY_EVENT, TOPICS, Topic
from tests.schemas.strategies import events

every_topic = pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
thorough = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@every_topic
@thorough
@given(data=st.data())
def test_an_event_survives_its_codec_with_its_bytes_key_and_identity(
    topic: Topic, data: st.DataObject
) -> None:
    event = data.draw(events(topic.event))
    encoded = encode(event)
    again = decode(encoded, topic.event)
    assert (again, encode(again)) == (event, encoded)
    assert topic.key(event)
    assert (topic.key(again), topic.identity(again)) == (topic.key(event), topic.identity(event))


@every_topic
@settings(thorough, max_examples=8)
@given(data=st.data())
def test_unknown_fields_are_ignored(topic: Topic, data: st.DataObject) -> None:
    event = data.draw(events(topic.event))
    document = msgspec.to_builtins(event) | {
        "added_in_v9": {"deep": [1, None]},
        "": "",
        "kind_of": 5,
    }
    assert decode(orjson.dumps(document), topic.event) == event


@every_topic
def test_an_event_is_frozen_and_its_fields_are_named(topic: Topic) -> None:
    assert dataclasses.is_dataclass(topic.event)
    for kind in set(_dataclasses(topic.event)):
        assert kind.__dataclass_params__.frozen, kind
        assert all(field.kw_only for field in dataclasses.fields(kind)), kind
        assert "__slots__" in vars(kind), kind


def test_assignment_to_a_field_is_refused() -> None:
    event = decode(b'{"user_id": "ada", "prompt": "p"}', _event("requests"))
    with pytest.raises(FrozenInstanceError):
        event.prompt = "another"


@every_topic
def test_an_event_owns_what_its_topic_is_keyed_by(topic: Topic) -> None:
    names = {field.name for field in dataclasses.fields(topic.event)}
    asked = _Asked()
    topic.key(asked)
    assert asked.names <= names
    assert {"user_id", "tenant"} <= names if topic.keyed_by_user else asked.names


@every_topic
def test_every_constrained_field_is_described(topic: Topic) -> None:
    assert list(_undescribed(inspect.type_info(topic.event), topic.name)) == []


@every_topic
def test_optional_fields_have_defaults_and_every_field_says_its_type(topic: Topic) -> None:
    for kind in set(_dataclasses(topic.event)):
        for field in _fields(kind):
            optional = isinstance(field.type, inspect.UnionType)
            assert not (optional and field.required), (
                f"{kind.__name__}.{field.name} may be absent but has no default"
            )


def test_one_event_has_one_topic() -> None:
    assert len(BY_EVENT) == len(TOPICS)


class _Asked:
    """Remembers which fields a key function reads."""

    def __init__(self) -> None:
        self.names: set[str] = set()

    def __getattr__(self, name: str) -> str:
        self.names.add(name)
        return "x"


def _event(name: str) -> Any:
    return next(topic.event for topic in TOPICS if topic.name == name)


def _fields(kind: type[Any]) -> tuple[inspect.Field, ...]:
    declared = inspect.type_info(kind)
    assert isinstance(declared, inspect.DataclassType)
    return declared.fields


def _dataclasses(kind: type[Any]) -> Iterator[Any]:
    yield kind
    for field in _fields(kind):
        for declared in _leaves(field.type):
            if isinstance(declared, inspect.DataclassType):
                yield from _dataclasses(declared.cls)


def _leaves(declared: inspect.Type) -> Iterator[inspect.Type]:
    if isinstance(declared, inspect.Metadata):
        yield from _leaves(declared.type)
    elif isinstance(declared, inspect.UnionType):
        for each in declared.types:
            yield from _leaves(each)
    elif isinstance(declared, inspect.VarTupleType):
        yield declared
        yield from _leaves(declared.item_type)
    else:
        yield declared


_LIMITS = ("ge", "gt", "le", "lt", "min_length", "max_length", "pattern")


def _undescribed(declared: inspect.Type, path: str, described: bool = False) -> Iterator[str]:
    """Paths of limits that no description explains."""
    match declared:
        case inspect.Metadata():
            known = described or "description" in (declared.extra_json_schema or {})
            yield from _undescribed(declared.type, path, known)
        case inspect.UnionType():
            for each in declared.types:
                yield from _undescribed(each, path, described)
        case inspect.DataclassType():
            for field in declared.fields:
                yield from _undescribed(field.type, f"{path}.{field.name}")
        case _:
            if (
                any(getattr(declared, limit, None) is not None for limit in _LIMITS)
                and not described
            ):
                yield path
            for part in ("item_type", "key_type", "value_type"):
                if hasattr(declared, part):
                    yield from _undescribed(getattr(declared, part), f"{path}[]")
