"""`/v1/genres` and `/v1/adapters`: what can be asked for, what it is written with, and by which."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import orjson
from aiohttp import web

from schemas.adapters import AdapterEvent
from schemas.fields import AdapterName, Genre, Line, Tenant
from streams.gateway.backend import Backend, backend_of, caller_of
from streams.gateway.bodies import in_query, read, valid
from streams.gateway.problems import Refusal, asking
from streams.gateway.view import plain

_COMPARING = 60.0  # seconds in which the reactions of a year may be read


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Why something changes; it is kept in the registry."""

    reason: Line = ""
    tenant: Tenant | None = None


async def genres(request: web.Request) -> web.Response:
    """The genres that can be asked for."""
    shown = [dict(each) for each in backend_of(request).catalogue.genres(_tenant(request))]
    return web.json_response(body=orjson.dumps({"genres": shown}))


async def genre(request: web.Request) -> web.Response:
    """One genre: what it is, how people ask for it, what they get, and every version of it."""
    catalogue, tenant = backend_of(request).catalogue, _tenant(request)
    name = valid(request.match_info["genre"], Genre, "genre")
    versions = [each for each in catalogue.adapters(tenant) if each.genre == name]
    found = catalogue.genre(name, tenant)
    if found is None and not versions:
        raise Refusal(404, "unknown_genre", "Expected a genre that /v1/genres lists.")
    told = dict(found or {"genre": name}) | {"versions": list(map(plain, versions))}
    return web.json_response(body=orjson.dumps(told))


async def compare(request: web.Request) -> web.Response:
    """What people said of each version's texts; one loses when it is worse with 95 % certainty."""
    backend, tenant = backend_of(request), _tenant(request)
    name = valid(request.match_info["genre"], Genre, "genre")
    names = [
        each.name
        for each in backend.catalogue.adapters(tenant)
        if each.genre == name and each.kind == "published"
    ]
    with asking():
        async with backend.lookups, asyncio.timeout(_COMPARING):
            versions = await backend.catalogue.compared(names)
    return web.json_response(body=orjson.dumps({"genre": name, "versions": list(versions)}))


async def roll_back(request: web.Request) -> web.Response:
    """Withdraw a genre's newest version; the one before it is published again where it is not."""
    backend, wish = backend_of(request), await read(request, Change)
    name = valid(request.match_info["genre"], Genre, "genre")
    tenant = caller_of(request).tenant(wish.tenant)
    reason = wish.reason or "rolled back"
    return await _published(backend, backend.catalogue.rolled_back(name, tenant, reason))


async def adapters(request: web.Request) -> web.Response:
    """The newest record of each adapter, withdrawn ones included."""
    shown = [plain(each) for each in backend_of(request).catalogue.adapters(_tenant(request))]
    return web.json_response(body=orjson.dumps({"adapters": shown}))


async def adapter(request: web.Request) -> web.Response:
    """One adapter with its measures, and the gate's `report` where it lies on this machine."""
    backend = backend_of(request)
    found = _known(request, backend, _tenant(request))
    report = await asyncio.to_thread(backend.catalogue.report, found)
    told = plain(found) | {"report": None if report is None else dict(report)}
    return web.json_response(body=orjson.dumps(told))


async def withdraw(request: web.Request) -> web.Response:
    """Let no new request use an adapter; what is being written with it still does."""
    backend, wish = backend_of(request), await read(request, Change)
    found = _own(request, backend, wish.tenant)
    event = backend.catalogue.withdrawn(found, wish.reason or "withdrawn by hand")
    return await _published(backend, [event])


async def publish(request: web.Request) -> web.Response:
    """Let requests use an adapter that was withdrawn."""
    backend, wish = backend_of(request), await read(request, Change)
    found = _own(request, backend, wish.tenant)
    return await _published(backend, [backend.catalogue.published(found)])


async def _published(backend: Backend, events: Sequence[AdapterEvent]) -> web.Response:
    for event in events:
        await backend.publish(event)
    told = {"adapters": [plain(event) for event in events]}
    return web.json_response(body=orjson.dumps(told), status=202)


def _own(request: web.Request, backend: Backend, named: str | None) -> AdapterEvent:
    """The adapter of a path that belongs to the caller, not to everybody. Raises Refusal."""
    tenant = caller_of(request).tenant(named)
    found = _known(request, backend, tenant)
    if found.tenant != tenant:
        raise Refusal(
            403, "not_yours", "Expected an adapter of this tenant's own, got one of everybody's."
        )
    return found


def _known(request: web.Request, backend: Backend, tenant: str | None) -> AdapterEvent:
    name = valid(request.match_info["adapter"], AdapterName, "adapter")
    for each in backend.catalogue.adapters(tenant):
        if each.name == name:
            return each
    raise Refusal(404, "unknown_adapter", "Expected an adapter that /v1/adapters lists.")


def _tenant(request: web.Request) -> str | None:
    return caller_of(request).tenant(in_query(request, "tenant", Tenant))
