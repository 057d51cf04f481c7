"""Bytes to events and back: orjson parses and prints, msgspec validates and names the bad path."""

from __future__ import annotations

import re
from typing import Any, TypeVar

import msgspec
import orjson
from msgspec import inspect

from schemas.errors import InvalidEvent
from streams.wire.limits import MAX_MESSAGE_BYTES
from streams.wire.source import Unreadable

E = TypeVar("E")

_NOT_FINITE = re.compile(rb"-?(NaN|Infinity)")
_PATH = re.compile(r" - at `(\$[^`]*)`")
_QUOTED = re.compile(r"'.*'", re.DOTALL)
_PRIVATE = ("prompt", "text")
_CODES = (
    ("missing required field", "missing_field"),
    ("Invalid enum value", "unknown_value"),
    ("matching regex", "bad_format"),
    ("RFC3339", "bad_time"),
    ("timezone", "bad_time"),
    ("base64", "bad_format"),
    ("of length <=", "too_long"),
    ("of length >=", "too_short"),
    ("at most", "too_long"),
    (", got `", "wrong_type"),
)


def encode(event: object) -> bytes:
    """The JSON of an event: UTF-8, times as RFC 3339, bytes as base64."""
    return orjson.dumps(msgspec.to_builtins(event))


def decode(value: bytes | None, kind: type[E]) -> E:
    """The event in `value`; unknown fields are ignored, types are strict.

    Raises InvalidEvent with one of the codes corrupt_batch, empty, too_large, not_utf8, not_finite,
    too_deep, not_json, lone_surrogate, missing_field, wrong_type, unknown_value, bad_format,
    bad_time, too_long, too_short, out_of_range.
    """
    document = parse(value)
    try:
        return msgspec.convert(document, kind)
    except msgspec.ValidationError as error:
        raise _invalid(str(error), document, kind) from error


def parse(value: bytes | None) -> Any:
    """The JSON document in `value`. Raises InvalidEvent as `decode` does."""
    if isinstance(value, Unreadable):
        raise InvalidEvent("corrupt_batch", value.why)
    if not value:
        raise InvalidEvent("empty", "Expected a JSON object, got an empty value.")
    if len(value) > MAX_MESSAGE_BYTES:
        raise InvalidEvent(
            "too_large", f"Expected at most {MAX_MESSAGE_BYTES} bytes, got {len(value)}."
        )
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError as error:
        raise _unreadable(value, error) from error


def _unreadable(value: bytes, error: orjson.JSONDecodeError) -> InvalidEvent:
    message = error.msg
    if "not valid UTF-8" in message:
        return InvalidEvent("not_utf8", "Expected UTF-8, got bytes that are not.")
    if "surrogate" in message:
        return InvalidEvent("lone_surrogate", "Expected Unicode text, got a lone surrogate.")
    if "depth limit" in message:
        return InvalidEvent("too_deep", "Expected at most 1024 levels of nesting, got more.")
    if "infinity" in message or _NOT_FINITE.match(value.decode()[error.pos :].lstrip("-").encode()):
        return InvalidEvent(
            "not_finite", f"Expected finite numbers, got NaN or infinity at character {error.pos}."
        )
    return InvalidEvent("not_json", f"Expected JSON: {message} at character {error.pos}.")


def _invalid(message: str, document: Any, kind: type[Any]) -> InvalidEvent:
    # What a client wrote stands in quotes; it must not decide about the code.
    words = _QUOTED.sub("", message)
    code = next((code for mark, code in _CODES if mark in words), "out_of_range")
    found = _PATH.search(message)
    if found is None:
        return InvalidEvent(code, message)
    path = found.group(1)
    if code in ("bad_format", "unknown_value"):
        message = (
            f"Expected {_expected(path, kind) or 'another value (see the schema)'} - at `{path}`"
        )
    return InvalidEvent(code, message if code == "wrong_type" else message + _got(path, document))


def _expected(path: str, kind: type[Any]) -> str:
    """What a field of the event itself may hold, in words; empty for a field further down."""
    fields = getattr(inspect.type_info(kind), "fields", ())
    return next((_words(field.type) for field in fields if path == f"$.{field.name}"), "")


def _words(declared: inspect.Type) -> str:
    if isinstance(declared, inspect.LiteralType):
        return "one of " + ", ".join(map(str, declared.values))
    if isinstance(declared, inspect.UnionType):
        return next(filter(None, map(_words, declared.types)), "")
    if isinstance(declared, inspect.Metadata):
        described = (declared.extra_json_schema or {}).get("description", "").rstrip(".")
        return _words(declared.type) or (described and f"this format: {described}")
    return ""


def _got(path: str, document: Any) -> str:
    value, name = _at(path, document), path.rpartition(".")[2]
    if isinstance(value, str) and (name in _PRIVATE or len(value) > 80):
        return f", got {len(value)} characters"
    return f", got {value!r}" if value is not None and not isinstance(value, dict | list) else ""


def _at(path: str, document: Any) -> Any:
    for name, index in re.findall(r"\.([A-Za-z_]\w*)|\[(\d+)\]", path):
        try:
            document = document[name] if name else document[int(index)]
        except (KeyError, IndexError, TypeError):
            return None
    return document
