"""The OpenAPI 3.1 document of the gateway, made from its routes and the schemas of the events.

https://spec.openapis.org/oas/v3.1.0
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import msgspec
import orjson

from schemas.fields import Genre, Id, RequestId, Tenant, UserId
from streams.gateway.routes import Route

_SCHEMA = "#/components/schemas/{name}"
_PROBLEM: dict[str, Any] = {
    "type": "object",
    "description": "RFC 9457; `code` is stable, `detail` says what to do.",
    "required": ["status", "code", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string"},
        "request_id": {"type": "string"},
    },
}
_OPENAI_ERROR = {
    "type": "object",
    "description": "What the clients of OpenAI raise an error of.",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["message", "type", "param", "code"],
            "properties": {
                "message": {"type": "string"},
                "type": {"type": "string"},
                "param": {"type": ["string", "null"]},
                "code": {"type": "string"},
            },
        }
    },
}
# Parameters of a path or a query mean the same everywhere; others are any string.
_PARAMETERS: Mapping[str, Any] = {
    "genre": Genre,
    "job": Id,
    "request_id": RequestId,
    "tenant": Tenant,
    "user_id": UserId,
}
# What each status means here, whatever the path.
_REFUSALS = {
    400: "The body is no JSON document.",
    401: "No key of this gateway.",
    403: "The key lacks the scope, or belongs to another tenant or user.",
    404: "There is no such thing.",
    405: "The path knows other methods.",
    408: "The body did not come in time.",
    409: "The request was cancelled.",
    413: "The body is too large.",
    415: "The body has another content type.",
    422: "The document breaks its schema, or what it asks for cannot be done.",
    429: "Too many requests; `Retry-After` says when to ask again.",
    500: "A defect of GENRE's.",
    503: "Kafka is away; `Retry-After` says when to ask again.",
    504: "No answer by the deadline.",
}


@cache
def printed(routes: tuple[Route, ...]) -> bytes:
    """The document as it is served."""
    return orjson.dumps(document(routes))


def document(routes: Sequence[Route]) -> dict[str, Any]:
    """The whole document, as plain JSON."""
    kinds = [kind for route in routes for kind in (route.body, route.answer) if kind is not None]
    shown, components = msgspec.json.schema_components(kinds, ref_template=_SCHEMA)
    schemas = iter(shown)
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        body = next(schemas) if route.body is not None else None
        answer = next(schemas) if route.answer is not None else {"type": "object"}
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, body, answer)
    made = {
        "openapi": "3.1.0",
        "info": {
            "title": "GENRE",
            "version": "1.0.0",
            "description": "Personalised text generation over HTTP.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{"key": []}, {}],
        "paths": paths,
        "components": {
            "schemas": components | {"Problem": _PROBLEM, "OpenAIError": _OPENAI_ERROR},
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
    }
    plain: dict[str, Any] = orjson.loads(orjson.dumps(made))  # tuples become lists
    return plain


def _operation(route: Route, body: Any, answer: Any) -> dict[str, Any]:
    content = {"application/json": {"schema": answer}}
    if route.streams:
        content["text/event-stream"] = {"schema": {"type": "string"}}
    operation: dict[str, Any] = {
        "operationId": f"{route.handler.__module__.rpartition('.')[2]}_{route.handler.__name__}",
        "summary": inspect.getdoc(route.handler) or "",
        "description": f"Needs the scope `{route.scope}`.",
        "parameters": [*_in_path(route.path), *map(_in_query, route.query)],
        "responses": {
            str(route.status): {"description": "Done.", "content": content},
            **{str(status): _refusal(route, words) for status, words in _REFUSALS.items()},
        },
    }
    if body is not None:
        taken = {"application/json": {"schema": body}}
        if route.path == "/v1/training":
            taken["multipart/form-data"] = {"schema": {"type": "object"}}
        operation["requestBody"] = {"required": True, "content": taken}
    return operation


def _refusal(route: Route, words: str) -> dict[str, Any]:
    kind, name = "application/problem+json", "Problem"
    if route.is_openai:
        kind, name = "application/json", "OpenAIError"
    return {
        "description": words,
        "content": {kind: {"schema": {"$ref": _SCHEMA.format(name=name)}}},
    }


def _in_path(path: str) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "path", "required": True, "schema": _parameter(name)}
        for name in re.findall(r"{(\w+)}", path)
    ]


def _in_query(name: str) -> dict[str, Any]:
    plain = name.rstrip("!")
    required = name.endswith("!")
    return {"name": plain, "in": "query", "required": required, "schema": _parameter(plain)}


def _parameter(name: str) -> dict[str, Any]:
    ((schema,), _) = msgspec.json.schema_components([_PARAMETERS.get(name, str)])
    return schema
