"""What a request carries: JSON as on the topics, of limited size and in limited time."""

from __future__ import annotations

import asyncio
from typing import Any, TypeVar

import msgspec
import orjson
from aiohttp import web

from schemas.errors import InvalidEvent
from schemas.fields import UserId
from streams.gateway.problems import Refusal
from streams.wire.codecs import decode, parse

E = TypeVar("E")

_ENCODINGS = ("identity", "gzip", "deflate")
_WITHIN = 20.0  # seconds in which a body must come


async def json_body(request: web.Request) -> bytes:
    """The bytes of a JSON body.

    Raises Refusal 415 for another type or encoding, 408 for one that does not come in time, and
    aiohttp's 413.
    """
    if request.content_type != "application/json":
        raise Refusal(
            415,
            "wrong_type_of_body",
            "Expected `Content-Type: application/json`, got another or none.",
        )
    encoding = request.headers.get("Content-Encoding", "identity").lower()
    if encoding not in _ENCODINGS:
        raise Refusal(
            415, "wrong_encoding", f"Expected a body as it is, or one of {', '.join(_ENCODINGS)}."
        )
    try:
        async with asyncio.timeout(_WITHIN):
            return await request.read()
    except TimeoutError:
        raise too_slow() from None


async def read(request: web.Request, kind: type[E]) -> E:
    """The event in a body. Raises as `json_body`, and InvalidEvent."""
    return decode(await json_body(request), kind)


async def read_many(request: web.Request, kind: type[E], most: int) -> tuple[list[E], bool]:
    """The events in a body that holds one or a list of them, and whether it is a list.

    Raises as `read`; says which of a list breaks its schema.
    """
    document = parse(await json_body(request))
    if not isinstance(document, list):
        return [decode(orjson.dumps(document), kind)], False
    if len(document) > most:
        raise Refusal(413, "too_many", f"Expected at most {most} at once, got {len(document)}.")
    return [_one(kind, number, each) for number, each in enumerate(document)], True


def _one(kind: type[E], number: int, document: Any) -> E:
    try:
        return decode(orjson.dumps(document), kind)
    except InvalidEvent as error:
        raise InvalidEvent(error.code, f"Number {number} of the list: {error.message}") from error


def user_in_path(request: web.Request) -> str:
    """The user of `/v1/users/{user_id}`. Raises InvalidEvent for what is no id."""
    return valid(request.match_info["user_id"], UserId, "user_id")


def in_query(request: web.Request, name: str, kind: Any) -> Any:
    """A parameter of the query; None where it is absent. Raises InvalidEvent for a wrong one."""
    value = request.query.get(name)
    return None if value is None else valid(value, kind, name)


def valid(value: str, kind: Any, name: str) -> Any:
    """A value of a path or a query as a field of the schemas. Raises InvalidEvent."""
    try:
        return msgspec.convert(value, kind, strict=False)  # numbers come as text
    except msgspec.ValidationError as error:
        raise InvalidEvent("bad_parameter", f"{error} - at `{name}`") from error


def too_slow() -> Refusal:
    """A body that does not come in time."""
    return Refusal(408, "too_slow", f"Expected the whole body within {_WITHIN:g} s, got less.")
