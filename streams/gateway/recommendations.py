"""`/v1/recommendations`: a request waits for its answer, or streams what becomes of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from aiohttp import web
from aiohttp_sse import EventSourceResponse, sse_response

from schemas.errors import GenreError
from schemas.fields import RequestId, Tenant, UserId
from schemas.keys import user_key
from schemas.recommendations import Recommendation
from schemas.requests import Cancel, GenerationRequest
from streams.clients.client import identified
from streams.clients.newest import last
from streams.gateway.backend import Backend, backend_of, caller_of
from streams.gateway.bodies import in_query, read, valid
from streams.gateway.journal import Asked, Seen, Watch, ends_of
from streams.gateway.keys import Caller
from streams.gateway.problems import Refusal, problem, refusal_of, unanswered
from streams.gateway.view import NAMES, View, plain
from streams.wire.codecs import decode
from streams.wire.headers import text

# Seconds. A worker that lives answers at the deadline at the latest: 60 where none is given, 600 at
# most; then what is on its way may arrive.
_DEADLINE, _LONGEST, _LATE = 60.0, 600.0, 5.0
# For a client whose stream broke to come back before its request is cancelled.
_GRACE = 10.0
# A reader that takes nothing for so long is cut; what a stream says while there is nothing to say.
_STALLED, _PING = 20.0, 10.0
_RETRY = 1000  # milliseconds after which an EventSource comes back
_LOOKING = 10.0  # for an answer in the log


async def ask(request: web.Request) -> web.StreamResponse:
    """Ask for texts."""
    backend, caller = backend_of(request), caller_of(request)
    wish = _of_caller(await read(request, GenerationRequest), caller)
    ends = ends_of(request.headers.get("Last-Event-ID")) if wish.request_id else None
    wish = identified(wish)
    with backend.slot(caller):
        if wants_stream(request):
            return await _streamed(request, replace(wish, stream=True), ends)
        return answered(await answer_to(backend, wish))


async def again(request: web.Request) -> web.StreamResponse:
    """The answer again, from the log; a stream waits for it, or goes on behind `Last-Event-ID`."""
    backend, caller = backend_of(request), caller_of(request)
    asked = _asked_again(request, caller)
    with backend.slot(caller):
        if wants_stream(request):
            ends = ends_of(request.headers.get("Last-Event-ID"))
            wish = GenerationRequest(
                request_id=asked.request_id,
                user_id=asked.user_id,
                tenant=asked.tenant,
                prompt="-",
                deadline=datetime.now(UTC) + timedelta(seconds=_LONGEST),
            )
            return await _streamed(request, wish, ends, publish=False)
        answer = await answer_in_log(backend, asked)
    if answer is None:
        raise Refusal(
            404,
            "unknown_request",
            "Expected the id of a request of this user that is answered and still in the log.",
        )
    return answered(answer)


async def cancel(request: web.Request) -> web.Response:
    """Write no more of it; a request that was answered stays answered."""
    asked = _asked_again(request, caller_of(request))
    await backend_of(request).publish(
        Cancel(request_id=asked.request_id, user_id=asked.user_id, tenant=asked.tenant)
    )
    return web.json_response({"request_id": asked.request_id}, status=202)


async def answer_to(backend: Backend, wish: GenerationRequest) -> Recommendation:
    """Publish a request and wait for its answer; a caller that is cancelled cancels it.

    Raises Refusal 503 and 504.
    """
    asked = asked_of(wish)
    with backend.wanted(asked), backend.journal.watching(asked) as watch:
        await backend.publish(wish)
        async for seen in events(backend, watch, until(wish)):
            if isinstance(seen.event, Recommendation):
                return seen.event
    raise AssertionError("a watch ends with the answer")


async def events(
    backend: Backend, watch: Watch, until: datetime, *, missed: bool = False
) -> AsyncIterator[Seen]:
    """What comes for a request, up to its answer. Raises Refusal 504 when it does not come."""
    if missed:
        async with backend.lookups:
            earlier = [seen async for seen in backend.journal.missed(watch)]
        for seen in earlier:
            yield seen
            if isinstance(seen.event, Recommendation):
                return
    while True:
        try:
            async with asyncio.timeout((until - datetime.now(UTC)).total_seconds()):
                seen = await watch.next()
        except TimeoutError:
            raise Refusal(
                504,
                "no_answer",
                "Expected an answer by the deadline, got none; when it comes, "
                "GET /v1/recommendations/{request_id}?user_id=... gives it.",
            ) from None
        yield seen
        if isinstance(seen.event, Recommendation):
            return


async def answer_in_log(backend: Backend, asked: Asked) -> Recommendation | None:
    """The newest answer to a request that the log still holds. Raises Refusal 504."""
    correlation = asked.request_id
    try:
        async with backend.lookups, asyncio.timeout(_LOOKING):
            record = await last(
                backend.settings,
                "recommendations",
                user_key(asked.user_id, asked.tenant),
                lambda each: text(each.headers, "ce_correlationid") == correlation,
            )
    except TimeoutError:
        raise Refusal(504, "long_log", "Expected to find the answer in time, got none.") from None
    return decode(record.value, Recommendation) if record is not None else None


def answered(answer: Recommendation) -> web.Response:
    """An answer: 200 with texts, or the status that its code has."""
    if answer.status != "ok":
        return problem(
            unanswered(answer), request_id=answer.request_id, recommendation=plain(answer)
        )
    return web.json_response(body=orjson.dumps(plain(answer)))


def asked_of(wish: GenerationRequest) -> Asked:
    """A request that has an id, as its records name it."""
    assert wish.request_id is not None
    return Asked(wish.request_id, wish.user_id, wish.tenant)


def until(wish: GenerationRequest) -> datetime:
    """How long its answer is waited for."""
    now = datetime.now(UTC)
    deadline = wish.deadline or now + timedelta(seconds=_DEADLINE)
    return min(max(deadline, now), now + timedelta(seconds=_LONGEST)) + timedelta(seconds=_LATE)


def wants_stream(request: web.Request) -> bool:
    """Whether the client accepts events rather than one answer."""
    return "text/event-stream" in request.headers.get("Accept", "")


def event_stream(request: web.Request) -> Any:
    """A stream of events, whose reader is cut when it stalls."""
    return sse_response(request, allow_all_methods=True, send_timeout=_STALLED, ping_interval=_PING)


async def _streamed(
    request: web.Request,
    wish: GenerationRequest,
    ends: tuple[int, ...] | None,
    *,
    publish: bool = True,
) -> EventSourceResponse:
    backend, asked, view = backend_of(request), asked_of(wish), View()
    with backend.wanted(asked, _GRACE), backend.journal.watching(asked, ends) as watch:
        known = None
        if ends is None and publish:
            await backend.publish(wish)
        elif ends is None:
            known = await answer_in_log(backend, asked)
        async with event_stream(request) as stream:
            if ends is None:  # a reader that comes back knows what it asked
                await stream.send(
                    orjson.dumps({"request_id": asked.request_id}).decode(),
                    event="request",
                    retry=_RETRY,
                )
            if known is not None:
                await stream.send(orjson.dumps(plain(known)).decode(), event="recommendation")
                return stream
            try:
                async for seen in events(backend, watch, until(wish), missed=ends is not None):
                    data = orjson.dumps(view.of(seen)).decode()
                    await stream.send(data, id=seen.cursor, event=NAMES[seen.topic])
            except GenreError as error:
                refusal = refusal_of(error)
                assert refusal is not None
                told = problem(refusal, request_id=asked.request_id)
                await stream.send(told.text or "", event="error")
            return stream


def _of_caller(wish: GenerationRequest, caller: Caller) -> GenerationRequest:
    return replace(wish, tenant=caller.tenant(wish.tenant), user_id=caller.user(wish.user_id))


def _asked_again(request: web.Request, caller: Caller) -> Asked:
    user = in_query(request, "user_id", UserId)
    if user is None:
        raise Refusal(
            422, "missing_field", "Expected the parameter `user_id`: ids are unique for a user."
        )
    return Asked(
        valid(request.match_info["request_id"], RequestId, "request_id"),
        caller.user(user),
        caller.tenant(in_query(request, "tenant", Tenant)),
    )
