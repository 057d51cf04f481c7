"""`POST /v1/chat/completions`: choices are ranked candidates; a stream's are its arms.

A stream cannot be ranked while it is written: one choice plans one arm, n choices are n arms in
their order. What the safety gate holds back ends with `content_filter`.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import msgspec
import orjson
from aiohttp import web
from aiohttp_sse import EventSourceResponse
from msgspec import Meta

from schemas.errors import GenreError
from schemas.fields import MAX_CANDIDATES, MAX_TOKENS
from schemas.parts import Usage
from schemas.progress import Progress
from schemas.recommendations import RankedCandidate, Recommendation
from schemas.requests import GenerationRequest
from streams.gateway.backend import Backend, backend_of, caller_of
from streams.gateway.bodies import json_body
from streams.gateway.journal import Watch
from streams.gateway.keys import Caller
from streams.gateway.openai.conversation import Message, prompt_of
from streams.gateway.openai.errors import BadParameter, body_of
from streams.gateway.openai.models import ANY, genre_of
from streams.gateway.problems import refusal_of, unanswered
from streams.gateway.recommendations import answer_to, asked_of, event_stream, events, until
from streams.gateway.view import plain
from streams.wire.codecs import decode, encode, parse

_USUAL = 4  # candidates that one answer is chosen from
_GUEST = "guest"
# Refused aloud unless they ask for nothing: a client would build on what never comes.
_NOTHING: Mapping[str, tuple[Any, ...]] = {
    "tools": ([],),
    "functions": ([],),
    "tool_choice": ("none", "auto"),
    "function_call": ("none", "auto"),
    "logprobs": (False,),
    "top_logprobs": (0,),
    "audio": (),
    "modalities": (["text"],),
    "response_format": ({"type": "text"},),
    "stop": ([], ""),
    "logit_bias": ({},),
    "presence_penalty": (0,),
    "frequency_penalty": (0,),
}


class StreamOptions(msgspec.Struct, kw_only=True):
    """What a stream says beside its chunks."""

    include_usage: bool | None = None


class Completion(msgspec.Struct, kw_only=True):
    """A request for choices; nulls count as absent, unknown fields are not read."""

    messages: Annotated[list[Message], Meta(min_length=1, max_length=1000)]
    model: str | None = None
    n: Annotated[int, Meta(ge=1, le=MAX_CANDIDATES)] | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: Annotated[int, Meta(ge=1)] | None = None
    max_completion_tokens: Annotated[int, Meta(ge=1)] | None = None
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    top_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    seed: int | None = None
    safety_identifier: str | None = None
    user: str | None = None
    metadata: dict[str, Any] | None = None


async def complete(request: web.Request) -> web.StreamResponse:
    """Choices for the last message of a conversation."""
    backend, caller = backend_of(request), caller_of(request)
    wish = _wish(parse(await json_body(request)))
    asked = _asked(wish, backend, caller, request.headers)
    model = wish.model or ANY
    with backend.slot(caller):
        if not wish.stream:
            return _whole(await answer_to(backend, asked), model, wish.n or 1)
        usage = bool(wish.stream_options and wish.stream_options.include_usage)
        chunks = Chunks(asked.request_id or "", model, asked.candidates, usage=usage)
        return await _streamed(request, asked, chunks)


def _wish(document: Any) -> Completion:
    if isinstance(document, dict):
        for name, nothing in _NOTHING.items():
            value = document.get(name)
            if value is not None and value not in nothing:
                raise BadParameter(name, f"Expected no `{name}`: GENRE writes texts alone.")
    try:
        return msgspec.convert(document, Completion)
    except msgspec.ValidationError as error:
        path = str(error).rpartition(" - at `$.")[2].rstrip("`")
        param = path if path and " " not in path else "messages"
        raise BadParameter(param, str(error), "invalid_value") from error


def _asked(
    wish: Completion, backend: Backend, caller: Caller, headers: Mapping[str, str]
) -> GenerationRequest:
    """The request of a completion. Raises BadParameter, InvalidEvent and Refusal 403."""
    tenant, count = caller.tenant(None), wish.n or 1
    chosen = (wish.metadata or {}).get("genre")
    limits = [each for each in (wish.max_completion_tokens, wish.max_tokens) if each]
    given = {
        "request_id": f"chatcmpl-{uuid.uuid4().hex}",
        "user_id": caller.user(_user(wish, caller, headers)),
        "tenant": tenant,
        "prompt": prompt_of(wish.messages),
        "genre": chosen or genre_of(backend, wish.model, tenant),
        "candidates": count if wish.stream else max(count, _USUAL),
        "max_tokens": min(limits[0], MAX_TOKENS) if limits else None,
        "temperature": wish.temperature,
        "top_p": wish.top_p or None,
        "seed": None if wish.seed is None else abs(wish.seed) % 2**63,
        "stream": bool(wish.stream),
    }
    return decode(
        encode({name: value for name, value in given.items() if value is not None}),
        GenerationRequest,
    )


def _user(wish: Completion, caller: Caller, headers: Mapping[str, str]) -> str:
    """Who asks: as a trusted program's header says, as the request says, or the key's only user."""
    key = caller.key
    forwarded = headers.get(key.user_header) if key and key.user_header else None
    alone = key.users[0] if key and len(key.users) == 1 else None
    return forwarded or wish.safety_identifier or wish.user or alone or _GUEST


def _whole(answer: Recommendation, model: str, count: int) -> web.Response:
    if answer.status == "declined":
        choices = [_choice(0, "", "content_filter") | {"refusal_reason": answer.message}]
    elif answer.status != "ok":
        raise unanswered(answer)
    else:
        choices = [
            _choice(place, each.text, _finish(each)) | {"genre": _told(each)}
            for place, each in enumerate(answer.candidates[:count])
        ]
    document = {
        "id": answer.request_id,
        "object": "chat.completion",
        "created": int(time.time()),
        "model": model,
        "choices": choices,
        "usage": _usage(answer.usage),
    }
    return web.json_response(body=orjson.dumps(document))


def _choice(place: int, text: str, finish: str) -> dict[str, Any]:
    return {
        "index": place,
        "message": {"role": "assistant", "content": text, "refusal": None},
        "logprobs": None,
        "finish_reason": finish,
    }


def _told(candidate: RankedCandidate) -> dict[str, Any]:
    """What the answer says beyond OpenAI's fields: by `candidate_id` it takes feedback."""
    shown = plain(candidate)
    return {name: value for name, value in shown.items() if name != "text"}


def _finish(candidate: RankedCandidate) -> str:
    return "length" if candidate.finish == "length" else "stop"


def _usage(usage: Usage) -> dict[str, int]:
    return {
        "prompt_tokens": usage.tokens_in,
        "completion_tokens": usage.tokens_out,
        "total_tokens": usage.tokens_in + usage.tokens_out,
    }


class Chunks:
    """The chunks of one stream: one id, time and model in all of them."""

    def __init__(self, request_id: str, model: str, count: int, *, usage: bool) -> None:
        self._shared = {
            "id": request_id,
            "object": "chat.completion.chunk",
            "created": int(time.time()),
            "model": model,
        }
        self._count = count
        self._usage = usage
        self._said: dict[int, str] = {}

    def piece(self, piece: Progress) -> Iterator[dict[str, Any]]:
        """The chunks of a piece of text."""
        index = piece.index or 0
        yield from self._begun(index)
        self._said[index] += piece.text or ""
        yield self._chunk(index, {"content": piece.text or ""})

    def end(self, answer: Recommendation) -> Iterator[dict[str, Any]]:
        """The last chunk of every choice, and the usage where it was asked for."""
        ranked = {int(each.candidate_id.rpartition("/")[2]): each for each in answer.candidates}
        for index in range(self._count):
            candidate = ranked.get(index)
            yield from self._begun(index)
            if candidate is not None and not self._said[index]:
                yield self._chunk(index, {"content": candidate.text})
            finish = "content_filter" if candidate is None else _finish(candidate)
            told = {} if candidate is None else {"genre": _told(candidate)}
            yield self._chunk(index, {}, finish, told)
        if self._usage:
            yield self._shared | {"choices": [], "usage": _usage(answer.usage)}

    def _begun(self, index: int) -> Iterator[dict[str, Any]]:
        if index not in self._said:
            self._said[index] = ""
            yield self._chunk(index, {"role": "assistant", "content": ""})

    def _chunk(
        self,
        index: int,
        delta: dict[str, Any],
        finish: str | None = None,
        told: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        choice = {"index": index, "delta": delta, "logprobs": None, "finish_reason": finish}
        usage = {"usage": None} if self._usage else {}
        return self._shared | {"choices": [choice | dict(told or {})]} | usage


async def _streamed(
    request: web.Request, asked: GenerationRequest, chunks: Chunks
) -> EventSourceResponse:
    backend, its = backend_of(request), asked_of(asked)
    with backend.wanted(its), backend.journal.watching(its) as watch:
        await backend.publish(asked)
        async with event_stream(request) as stream:
            try:
                async for chunk in _chunks(backend, watch, asked, chunks):
                    await stream.send(orjson.dumps(chunk).decode())
                await stream.send("[DONE]")
            except GenreError as error:
                refusal = refusal_of(error)
                assert refusal is not None
                await stream.send(orjson.dumps(body_of(refusal)).decode())
            response: EventSourceResponse = stream
            return response


async def _chunks(backend: Backend, watch: Watch, asked: GenerationRequest, chunks: Chunks) -> Any:
    async for seen in events(backend, watch, until(asked)):
        match seen.event:
            case Progress():
                for chunk in chunks.piece(seen.event):
                    yield chunk
            case Recommendation(status="ok" | "declined"):
                for chunk in chunks.end(seen.event):
                    yield chunk
            case Recommendation():
                raise unanswered(seen.event)
