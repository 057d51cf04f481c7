"""Bytes to events and back: orjson parses and prints, msgspec validates and names the bad path.

What a careful reader would understand is read: a null is an absent field, `4.0` is the integer 4, a
byte order mark and the frame of a schema registry around JSON are stepped over.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any, TypeVar

import msgspec
import orjson
from msgspec import inspect

from schemas.errors import InvalidEvent
from streams.wire.framing import unframed
from streams.wire.limits import MAX_MESSAGE_BYTES
from streams.wire.source import Unreadable

E = TypeVar("E")

_NOT_FINITE = re.compile(rb"-?(NaN|Infinity)")
_PATH = re.compile(r" - at `(\$[^`]*)`")
_FIELD = re.compile(r"missing required field `(\w+)`")
_QUOTED = re.compile(r"'.*'", re.DOTALL)
_PRIVATE = ("prompt", "text")
# Of an event's own lists and maps; what lies deeper is no field of ours.
_LEVELS = 8
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
    ("got both", "contradiction"),
    (", got `", "wrong_type"),
)


def encode(event: object) -> bytes:
    """The JSON of an event: UTF-8, times as RFC 3339, bytes as base64."""
    return orjson.dumps(msgspec.to_builtins(event))


def decode(value: bytes | None, kind: type[E], *, names_once: bool = False) -> E:
    """The event in `value`; unknown fields are ignored, types are strict.

    A null counts as absent, a float without a fraction as an integer. With `names_once` a name that
    stands twice in one object is refused, which takes a second reading; else the last one counts.

    Raises InvalidEvent with one of the codes corrupt_batch, empty, too_large, not_utf8, compressed,
    schema_frame, not_finite, too_deep, not_json, lone_surrogate, duplicate_name, missing_field,
    wrong_type, unknown_value, bad_format, bad_time, too_long, too_short, contradiction,
    out_of_range.
    """
    document = parse(value, names_once=names_once)
    try:
        return msgspec.convert(document, kind)
    except msgspec.ValidationError:
        mended = _mended(document, _LEVELS)
    try:
        return msgspec.convert(mended, kind)
    except msgspec.ValidationError as error:
        raise _invalid(str(error), document, kind) from error


def parse(value: bytes | None, *, names_once: bool = False) -> Any:
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
        document = orjson.loads(value)
    except orjson.JSONDecodeError:
        value = unframed(value)
        try:
            document = orjson.loads(value)
        except orjson.JSONDecodeError as error:
            raise _unreadable(value, error) from error
    if names_once:
        _check_names(value)
    return document


def _mended(document: Any, levels: int) -> Any:
    """The document without its nulls, its floats without a fraction as integers."""
    if levels and isinstance(document, dict):
        given = {name: value for name, value in document.items() if value is not None}
        return {name: _mended(value, levels - 1) for name, value in given.items()}
    if levels and isinstance(document, list):
        return [_mended(value, levels - 1) for value in document]
    if isinstance(document, float) and document.is_integer() and abs(document) < 2**63:
        return int(document)
    return document


def _check_names(value: bytes) -> None:
    try:
        _READER_OF_NAMES.decode(value.decode())
    except RecursionError as error:
        raise _too_deep() from error


def _names(pairs: list[tuple[str, Any]]) -> None:
    if len(dict(pairs)) == len(pairs):
        return
    name, times = Counter(name for name, _ in pairs).most_common(1)[0]
    shown = repr(name) if name.isidentifier() and len(name) <= 64 else "one"
    raise InvalidEvent(
        "duplicate_name", f"Expected each name once in an object, got {shown} {times} times."
    )


_READER_OF_NAMES = json.JSONDecoder(object_pairs_hook=_names)


def _unreadable(value: bytes, error: orjson.JSONDecodeError) -> InvalidEvent:
    message = error.msg
    if "not valid UTF-8" in message:
        return InvalidEvent("not_utf8", "Expected UTF-8, got bytes that are not.")
    if "surrogate" in message:
        return InvalidEvent("lone_surrogate", "Expected Unicode text, got a lone surrogate.")
    if "depth limit" in message:
        return _too_deep()
    if "infinity" in message or _NOT_FINITE.match(value.decode()[error.pos :].lstrip("-").encode()):
        return InvalidEvent(
            "not_finite", f"Expected finite numbers, got NaN or infinity at character {error.pos}."
        )
    return InvalidEvent("not_json", f"Expected JSON: {message} at character {error.pos}.")


def _too_deep() -> InvalidEvent:
    return InvalidEvent("too_deep", "Expected fewer than 1000 levels of nesting, got more.")


def _invalid(message: str, document: Any, kind: type[Any]) -> InvalidEvent:
    # What a client wrote stands in quotes; it must not decide about the code.
    words = _QUOTED.sub("", message)
    code = next((code for mark, code in _CODES if mark in words), "out_of_range")
    found = _PATH.search(message)
    if found is None:
        return InvalidEvent(code, message + _at_the_root(message, document))
    path = found.group(1)
    if code in ("bad_format", "unknown_value"):
        message = (
            f"Expected {_expected(path, kind) or 'another value (see the schema)'} - at `{path}`"
        )
    told = _hint(message, _at(path, document)) if code == "wrong_type" else _got(path, document)
    return InvalidEvent(code, message + told)


def _at_the_root(message: str, document: Any) -> str:
    """What to do about an event as a whole."""
    if isinstance(document, list):
        return "; send each event as a record of its own"
    if isinstance(document, str):
        return "; it was encoded twice, send the object itself"
    missing = _FIELD.search(message)
    is_null = missing and isinstance(document, dict) and missing.group(1) in document
    return ", got null" if is_null else ""


def _hint(message: str, value: Any) -> str:
    """What to do about a value of the wrong type."""
    if isinstance(value, float) and "got `float`" in message and abs(value) >= 2**63:
        return "; send an integer of at most 64 bits"
    if "got `str`" in message and ("`int" in message or "`float" in message):
        return "; send the number without quotes"
    if "Expected `str" in message and ("got `int`" in message or "got `float`" in message):
        return "; send it as a string, in quotes"
    return ""


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
