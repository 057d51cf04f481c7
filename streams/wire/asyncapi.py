"""The contract as documents: a JSON Schema of every event, an AsyncAPI description of every topic.

Both are generated from `schemas/`, `streams/wire/topics.py` and `streams/wire/roles.py`, and
checked in; a test fails when they are stale.
https://www.asyncapi.com/docs/reference/specification/v3.0.0
"""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import msgspec
import orjson

from schemas.feedback import NEEDS, Feedback
from streams.wire.roles import ROLES
from streams.wire.topics import TOPICS, Topic, declarations

CHECKED_IN = Path(__file__).parents[2] / "docs" / "schemas" / "asyncapi.json"
_SCHEMA = "#/components/schemas/{name}"

# Header name: what it means. All are optional on input; GENRE publishes those without an alias.
_HEADERS = {
    "ce_id": "The idempotency key; derived from the record's place and time when absent.",
    "ce_specversion": "CloudEvents version, 1.0.",
    "ce_type": "The type and version of the event.",
    "ce_source": "Which program published it.",
    "ce_time": "When it was published.",
    "ce_dataschema": "Names the schema of the value.",
    "ce_correlationid": (
        "Handed back with the answer; `correlation_id` and `kafka_correlationId` mean the same."
    ),
    "ce_causationid": "Id of the event that caused this one.",
    "ce_expirytime": "A deadline; the earlier one of this and the field `deadline` counts.",
    "traceparent": "W3C trace context, handed on.",
    "tracestate": "W3C trace context, handed on.",
    "reply-to": (
        "Requests only: an existing topic, with an allowed prefix, that gets the answer as well."
    ),
    "reply-partition": "Requests only: the partition of that topic.",
}


def schemas() -> dict[str, Any]:
    """JSON Schemas (2020-12) of every event and of their parts, by name."""
    _, components = msgspec.json.schema_components(
        [topic.event for topic in TOPICS], ref_template=_SCHEMA
    )
    for schema in components.values():
        schema["description"] = _unwrapped(schema["description"])
    components[Feedback.__name__]["allOf"] = [
        {"if": {"properties": {"kind": {"const": kind}}}, "then": _needing(names)}
        for kind, names in NEEDS.items()
        if names
    ]
    return dict(sorted(components.items()))


def printed(contract: dict[str, Any]) -> bytes:
    """A document as it is printed and checked in: indented, a newline at its end."""
    return orjson.dumps(contract, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def document(prefix: str = "genre.") -> dict[str, Any]:
    """The AsyncAPI document of an installation whose topics begin with `prefix`."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "GENRE",
            "version": "1.0.0",
            "description": (
                "Personalised text generation: "
                "publish a request, read a recommendation, send feedback."
            ),
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": {topic.name: _channel(topic, prefix) for topic in TOPICS},
        "operations": dict(operation for topic in TOPICS for operation in _operations(topic)),
        "components": {
            "messages": {topic.event.__name__: _message(topic) for topic in TOPICS},
            "schemas": schemas() | {"Headers": _headers()},
        },
    }


def _unwrapped(docstring: str) -> str:
    """A docstring as prose: one line a paragraph, however the source is wrapped."""
    paragraphs = inspect.cleandoc(docstring).split("\n\n")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)


def _needing(names: tuple[str, ...]) -> dict[str, Any]:
    return {
        "required": list(names),
        "properties": {name: {"not": {"type": "null"}} for name in names},
    }


def _channel(topic: Topic, prefix: str) -> dict[str, Any]:
    config = next(each.config for each in declarations(prefix) if each.name == prefix + topic.name)
    settings = {name: int(value) if value.isdigit() else [value] for name, value in config.items()}
    return {
        "address": prefix + topic.name,
        "messages": {
            topic.event.__name__: {"$ref": f"#/components/messages/{topic.event.__name__}"}
        },
        "bindings": {
            "kafka": {
                "topic": prefix + topic.name,
                "topicConfiguration": settings,
                "bindingVersion": "0.5.0",
            }
        },
    }


def _operations(topic: Topic) -> list[tuple[str, dict[str, Any]]]:
    """What GENRE does with a topic: `receive` from clients or roles, `send` what it publishes."""
    roles = ROLES.values()
    read = topic.written_by_clients or any(
        topic.name in (*role.reads, *role.follows) for role in roles
    )
    written = any(topic.name in role.writes for role in roles)
    actions = [action for action, done in (("receive", read), ("send", written)) if done]
    return [(f"{action}_{topic.name}", _operation(topic, action)) for action in actions]


def _operation(topic: Topic, action: str) -> dict[str, Any]:
    operation: dict[str, Any] = {"action": action, "channel": {"$ref": f"#/channels/{topic.name}"}}
    if topic.name == "requests":
        answer = {"channel": {"$ref": "#/channels/recommendations"}}
        operation["reply"] = answer | {"address": {"location": "$message.header#/reply-to"}}
    return operation


def _message(topic: Topic) -> dict[str, Any]:
    about = _unwrapped(topic.event.__doc__ or "")
    key = (
        "The user: `user_id`, or `tenant/user_id`."
        if topic.keyed_by_user
        else "Made from fields of the event."
    )
    return {
        "name": topic.ce_type,
        "title": topic.event.__name__,
        "summary": about.partition("\n")[0],
        "contentType": "application/json",
        "headers": {"$ref": _SCHEMA.format(name="Headers")},
        "payload": {"$ref": _SCHEMA.format(name=topic.event.__name__)},
        "bindings": {
            "kafka": {"key": {"type": "string", "description": key}, "bindingVersion": "0.5.0"}
        },
    }


def _headers() -> dict[str, Any]:
    properties = {
        name: {"type": "string", "description": meaning} for name, meaning in _HEADERS.items()
    }
    return {
        "type": "object",
        "description": "CloudEvents 1.0, Kafka binding, binary mode.",
        "properties": properties,
    }
