"""`/v1/dead-letters`: what could not be handled, why, and once more."""

from __future__ import annotations

import asyncio
from codecs import getincrementaldecoder
from dataclasses import dataclass
from itertools import islice
from typing import Annotated, Any

import orjson
from aiohttp import web
from msgspec import Meta

from schemas.errors import Rejected
from schemas.fields import Moment
from streams.clients import letters as dead_letters
from streams.clients.letterbox import Box, Letterbox, is_place
from streams.clients.letters import Choice
from streams.gateway.backend import backend_of, caller_of
from streams.gateway.bodies import in_query, read
from streams.gateway.problems import Refusal, asking
from streams.wire.dead_letters import is_cut, original_headers, place, reasons
from streams.wire.source import Source
from streams.wire.topics import Topic, named

_PAGE, _LARGEST_PAGE = 50, 500
_SHOWN = 64 * 1024  # bytes of a value that are shown
_SHOWN_BINARY = 4096  # of one that is no text, in hexadecimal
_SHOWN_HEADER = 2048
_KAFKA = 15.0  # seconds that Kafka may take over one letter
Name = Annotated[str, Meta(min_length=1, max_length=256)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """Which letters are replayed: by all that is given together, or `all`."""

    code: Name | None = None
    since: Moment | None = None
    until: Moment | None = None
    letters: Annotated[
        tuple[Name, ...], Meta(max_length=10_000, description="'<partition>@<offset>'.")
    ] = ()
    ids: Annotated[tuple[Name, ...], Meta(max_length=10_000)] = ()
    all: bool = False


async def counts(request: web.Request) -> web.Response:
    """How many letters each topic has, by code; `unread` are not counted yet: ask again."""
    box = await _read(request)
    return _json({"letters": await box.counts(), "unread": box.unread})


async def page(request: web.Request) -> web.Response:
    """A topic's letters, newest first: `limit` of them, behind `before`; counts of all meant."""
    topic = _topic(request)
    choice = Choice(
        code=in_query(request, "code", Name),
        since=_seconds(in_query(request, "since", Moment)),
        until=_seconds(in_query(request, "until", Moment)),
    )
    limit = in_query(request, "limit", Annotated[int, Meta(ge=1, le=_LARGEST_PAGE)]) or _PAGE
    before = _place(in_query(request, "before", Name))
    letterbox = await _read(request)
    box = letterbox.box(topic).snapshot()
    told = await asyncio.to_thread(_page, box, choice, before, limit)
    return _json(told | {"unread": letterbox.unread})


async def letter(request: web.Request) -> web.Response:
    """One letter: its record's key, headers and bytes, and why it is one.

    Text as text, other bytes in hexadecimal; `bytes` says how many there are where it is cut.
    """
    topic, at = _topic(request), _place(request.match_info["letter"])
    backend = backend_of(request)
    with asking():
        async with backend.lookups, asyncio.timeout(_KAFKA):
            found = await backend.letterbox.one(topic, at or "")
            await backend.letterbox.read()
    if found is None:
        raise Refusal(
            404, "unknown_letter", f"Expected a letter that {topic.dead_letters} still keeps."
        )
    return _json(_whole(found) | {"replayed": at in backend.letterbox.box(topic).replayed})


async def replay(request: web.Request) -> web.Response:
    """Publish letters again on their topic, each once, as `genre dlq replay` does.

    Those too big to have been kept whole are left out and named.
    """
    topic, wish = _topic(request), await read(request, Replay)
    choice = Choice(
        code=wish.code,
        since=_seconds(wish.since),
        until=_seconds(wish.until),
        places=frozenset(_place(each) or "" for each in wish.letters),
        ids=frozenset(wish.ids),
    )
    if not (choice or wish.all):
        raise Rejected(
            "nothing_chosen",
            "Expected `code`, `since`, `until`, `letters`, `ids` or `all` to say which letters to "
            "replay, got none.",
        )
    backend, cut = backend_of(request), list[str]()

    def is_replayed(each: Source) -> bool:
        if choice(each) and is_cut(each.headers):
            cut.append(place(each))
            return False
        return choice(each)

    with asking(), backend.slot(caller_of(request)):
        count = await dead_letters.replay(backend.settings, topic, is_replayed)
        await backend.letterbox.read(afresh=True)
    return _json({"replayed": count, "cut": cut})


def _page(box: Box, choice: Choice, before: str | None, limit: int) -> dict[str, Any]:
    """The letters that are meant: so many of them, behind one; and how many there are in all."""
    meant = list(box.meant(choice))
    rest = iter(meant)
    if before is not None:
        any(each.place == before for each in rest)  # steps to behind it
    shown = list(islice(rest, limit))
    is_open = [each for each in meant if each.place not in box.replayed]
    return {
        "letters": [
            {
                "letter": each.place,
                "time": each.time,
                "code": each.code,
                "message": each.message,
                "stage": each.stage,
                "origin": each.origin,
                "id": each.id,
                "cut": each.is_cut,
                "replayed": each.place in box.replayed,
            }
            for each in shown
        ],
        "next": shown[-1].place if shown and next(rest, None) is not None else None,
        "total": len(meant),
        "open": sum(not each.is_cut for each in is_open),
        "cut": sum(each.is_cut for each in is_open),
    }


async def _read(request: web.Request) -> Letterbox:
    caller_of(request).sees_everything()
    letterbox = backend_of(request).letterbox
    with asking():
        async with asyncio.timeout(_KAFKA):
            await letterbox.read()
    return letterbox


def _topic(request: web.Request) -> Topic:
    caller_of(request).sees_everything()
    try:
        return named(request.match_info["topic"], backend_of(request).settings.prefix)
    except Rejected as error:
        raise Refusal(404, error.code, error.message) from None


def _place(given: str | None) -> str | None:
    if given is not None and not is_place(given):
        raise Rejected("bad_letter", "Expected a letter as '<partition>@<offset>', got another.")
    return given


def _seconds(moment: Any) -> float | None:
    return None if moment is None else float(moment.timestamp())


def _whole(found: Source) -> dict[str, Any]:
    return {
        "letter": place(found),
        "time": found.timestamp,
        "key": _shown(found.key, _SHOWN_HEADER),
        "headers": [
            {"name": name, "value": _shown(value, _SHOWN_HEADER)}
            for name, value in original_headers(found.headers)
        ],
        "value": _shown(found.value, _SHOWN),
        "cut": is_cut(found.headers),
        "error": reasons(found.headers),
    }


def _shown(data: bytes | None, most: int) -> dict[str, Any] | None:
    """Bytes as they can be shown: their beginning as text, or in hexadecimal; and how many.

    >>> _shown(b"caf\\xc3\\xa9", 4)
    {'text': 'caf', 'bytes': 5, 'cut': True}
    >>> _shown(b"\\xff\\x00", 4)
    {'hex': 'ff 00', 'bytes': 2, 'cut': False}
    """
    if data is None:
        return None
    size, head = len(data), data[:most]
    try:
        # A character that the cut divides is left out; one that is broken makes it no text.
        text = getincrementaldecoder("utf-8")().decode(head, final=size <= most)
    except UnicodeDecodeError:
        head = head[:_SHOWN_BINARY]
        return {"hex": head.hex(" "), "bytes": size, "cut": size > len(head)}
    return {"text": text, "bytes": size, "cut": size > most}


def _json(document: dict[str, Any]) -> web.Response:
    return web.json_response(body=orjson.dumps(document))
