"""`/v1/flow`: topics and roles now, or every two seconds as a stream."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
from aiohttp import web

from streams.gateway.backend import Backend, backend_of, caller_of
from streams.gateway.problems import Refusal, asking, problem
from streams.gateway.recommendations import event_stream, wants_stream

EVERY = 2.0
"""Seconds between two snapshots of a stream."""


async def flow(request: web.Request) -> web.StreamResponse:
    """Topics and roles with rate, lag, latency and age; as a stream, every two seconds.

    What needs two looks, or something that happened, is null: rates at the first look of a gateway.
    """
    backend, caller = backend_of(request), caller_of(request)
    caller.sees_everything()
    if not wants_stream(request):
        return web.json_response(body=orjson.dumps(await _now(backend)))
    with backend.slot(caller):
        async with event_stream(request) as stream:
            while not backend.stopping:
                try:
                    told = await _now(backend)
                except Refusal as error:
                    await stream.send(problem(error).text or "", event="error")
                else:
                    await stream.send(orjson.dumps(told).decode(), event="flow")
                await asyncio.sleep(EVERY)
    response: web.StreamResponse = stream
    return response


async def _now(backend: Backend) -> dict[str, Any]:
    """Raises Refusal 503 where Kafka does not say."""
    with asking():
        return await backend.traffic.now() | {"open": backend.open}
