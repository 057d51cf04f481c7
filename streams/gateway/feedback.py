"""`/v1/feedback`: reactions, one or many; answered when they are in Kafka, or learned."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import Literal

from aiohttp import web

from schemas.feedback import Feedback
from streams.gateway.backend import Backend, backend_of, caller_of
from streams.gateway.bodies import read_many

_MOST = 500  # reactions at once
_LEARNING = 30.0  # seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What became of a reaction; `code` where it was refused."""

    feedback_id: str
    state: Literal["stored", "learned", "refused"]
    code: str | None = None


async def react(request: web.Request) -> web.Response:
    """Send reactions; with `?wait` answered when they are learned."""
    backend, caller = backend_of(request), caller_of(request)
    given, is_list = await read_many(request, Feedback, _MOST)
    reactions = [
        replace(each, tenant=caller.tenant(each.tenant), user_id=caller.user(each.user_id))
        for each in given
    ]
    placed = await asyncio.gather(*map(backend.publish, reactions))
    states = [{"feedback_id": event.feedback_id, "state": "stored"} for event, _ in placed]
    if request.query.get("wait", "false").lower() not in ("false", "0"):
        with backend.slot(caller):
            events, places = [event for event, _ in placed], [place for _, place in placed]
            if await backend.learned.until(places, _LEARNING):
                states = [await _learned(backend, event) for event in events]
    return web.json_response(states if is_list else states[0])


async def _learned(backend: Backend, feedback: Feedback) -> dict[str, str | None]:
    async with backend.lookups:
        code = await backend.learned.refusal(feedback)
    told: dict[str, str | None] = {"feedback_id": feedback.feedback_id}
    return told | ({"state": "learned"} if code is None else {"state": "refused", "code": code})
