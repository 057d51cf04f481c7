"""`/v1/genres` and `/v1/adapters`: what can be asked for, and what it is written with."""

from __future__ import annotations

import orjson
from aiohttp import web

from schemas.fields import Tenant
from streams.gateway.backend import backend_of, caller_of
from streams.gateway.bodies import in_query
from streams.gateway.view import plain


async def genres(request: web.Request) -> web.Response:
    """The genres that can be asked for."""
    shown = [dict(each) for each in backend_of(request).catalogue.genres(_tenant(request))]
    return web.json_response(body=orjson.dumps({"genres": shown}))


async def adapters(request: web.Request) -> web.Response:
    """The newest record of each adapter, withdrawn ones included."""
    shown = [plain(each) for each in backend_of(request).catalogue.adapters(_tenant(request))]
    return web.json_response(body=orjson.dumps({"adapters": shown}))


def _tenant(request: web.Request) -> str | None:
    return caller_of(request).tenant(in_query(request, "tenant", Tenant))
