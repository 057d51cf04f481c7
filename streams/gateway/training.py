"""`/v1/training`: texts for a genre, in JSON or a file, and how far the training is."""

from __future__ import annotations

import asyncio
import re
import tempfile
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import orjson
from aiohttp import BodyPartReader, web
from msgspec import Meta

from schemas.errors import InvalidEvent
from schemas.fields import Genre, Id, Line, Prompt, Tenant, UserId
from schemas.progress import Progress
from schemas.training import TrainingEvent
from streams.clients.reader import Reader
from streams.gateway.backend import Backend, backend_of, caller_of
from streams.gateway.bodies import in_query, json_body, too_slow, valid
from streams.gateway.problems import Refusal
from streams.gateway.recommendations import event_stream, wants_stream
from streams.gateway.view import plain
from streams.settings import Settings
from streams.wire.codecs import decode, encode

_AT_ONCE = 200  # texts that are published at the same time
_MOST_TEXTS = 50_000
_UPLOAD, _FIELD = 64 * 2**20, 64 * 1024  # bytes of a file, of a field beside it
_UPLOADING = 300.0  # seconds
_SUFFIX = re.compile(r"\.(jsonl|json|csv|tsv|txt|parquet)(\.gz)?$", re.IGNORECASE)
_ENDS = ("published", "rejected", "failed")
_LISTS = ("requests",)
_NUMBERS = ("epochs",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A text, and what somebody asked for and got it."""

    text: str
    request: Prompt | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """Texts of a genre to train an adapter from; those that were sent before count, too."""

    genre: Genre
    family: Genre | None = None
    tenant: Tenant | None = None
    user_id: UserId | None = None
    description: Line | None = None
    instruction: Line | None = None
    requests: Annotated[tuple[Prompt, ...], Meta(max_length=256)] = ()
    licence: Line | None = None
    epochs: Annotated[int, Meta(ge=1, le=10)] | None = None
    texts: Annotated[tuple[str, ...], Meta(max_length=_MOST_TEXTS)] = ()
    pairs: Annotated[tuple[Pair, ...], Meta(max_length=_MOST_TEXTS)] = ()


async def train(request: web.Request) -> web.Response:
    """Send texts and train: JSON, or `multipart/form-data` with a `file`."""
    backend, caller = backend_of(request), caller_of(request)
    sent: list[tuple[str, str | None, str | None]] = []
    if request.content_type == "multipart/form-data":
        wish, sent = await _uploaded(request, backend)
    else:
        wish = decode(await json_body(request), Training)
    tenant = caller.tenant(wish.tenant)
    user = None if wish.user_id is None else caller.user(wish.user_id)
    sent += [(text, None, None) for text in wish.texts]
    sent += [(pair.text, pair.request, None) for pair in wish.pairs]
    shared = {"genre": wish.genre, "family": wish.family, "tenant": tenant, "user_id": user}
    texts = [
        _event(number, shared | {"kind": "text", "text": text, "request": asked, "document": where})
        for number, (text, asked, where) in enumerate(sent)
    ]
    about = {
        name: getattr(wish, name)
        for name in ("description", "instruction", "requests", "licence", "epochs")
    }
    job = uuid.uuid4().hex
    order = _event(None, shared | about | {"kind": "train", "job": job})
    for start in range(0, len(texts), _AT_ONCE):
        await asyncio.gather(*map(backend.publish, texts[start : start + _AT_ONCE]))
    await backend.publish(order)
    place = f"/v1/training/{wish.genre}/{job}"
    return web.json_response(
        {"job": job, "genre": wish.genre, "texts": len(texts), "progress": place},
        status=202,
        headers={"Location": place},
    )


async def progress(request: web.Request) -> web.StreamResponse:
    """How far a training is; as a stream, until it ends. `Last-Event-ID` goes on behind."""
    backend, caller = backend_of(request), caller_of(request)
    genre = valid(request.match_info["genre"], Genre, "genre")
    job = valid(request.match_info["job"], Id, "job")
    tenant = caller.tenant(in_query(request, "tenant", Tenant))
    steps = _steps(backend.settings, genre, job, tenant, follow=wants_stream(request))
    with backend.slot(caller):
        async with aclosing(steps):
            if wants_stream(request):
                return await _told(request, steps)
            async with backend.lookups:
                last = [event async for _, event in steps][-1:]
    if not last:
        raise Refusal(
            404, "unknown_job", "Expected a training that began in the last hours, got none."
        )
    return web.json_response(body=orjson.dumps(plain(last[0])))


async def _told(
    request: web.Request, steps: AsyncIterator[tuple[int, Progress]]
) -> web.StreamResponse:
    behind = request.headers.get("Last-Event-ID", "")
    first = int(behind) + 1 if behind.isdecimal() and len(behind) < 19 else 0
    async with event_stream(request) as stream:
        async for offset, event in steps:
            if offset >= first:
                data = orjson.dumps(plain(event)).decode()
                await stream.send(data, id=str(offset), event="training")
    response: web.StreamResponse = stream
    return response


async def _steps(
    settings: Settings, genre: str, job: str, tenant: str | None, *, follow: bool
) -> AsyncGenerator[tuple[int, Progress], None]:
    """The events of a job with their offsets, until it ends; up to now without `follow`."""
    async with Reader(settings, settings.topic("progress"), key=genre) as reader:
        while follow or not await reader.is_read():
            for record in await reader.take():
                event = _progress(record.value) if record.key == genre.encode() else None
                if event is None or (event.job, event.tenant) != (job, tenant):
                    continue
                yield record.offset, event
                if event.state in _ENDS:
                    return


def _progress(value: bytes | None) -> Progress | None:
    try:
        return decode(value, Progress)
    except InvalidEvent:
        return None


def _event(number: int | None, fields: dict[str, Any]) -> TrainingEvent:
    """The event of these fields as the role would read it. Raises InvalidEvent."""
    given = {name: value for name, value in fields.items() if value is not None}
    try:
        return decode(encode(given), TrainingEvent)
    except InvalidEvent as error:
        where = "" if number is None else f"Text {number}: "
        raise InvalidEvent(error.code, where + error.message) from error


async def _uploaded(
    request: web.Request, backend: Backend
) -> tuple[Training, list[tuple[str, str | None, str | None]]]:
    fields: dict[str, Any] = {}
    texts: list[tuple[str, str | None, str | None]] = []
    try:
        async with asyncio.timeout(_UPLOADING):
            async for part in await request.multipart():
                if not isinstance(part, BodyPartReader):
                    raise Refusal(422, "nested_parts", "Expected fields and one file, got parts.")
                if part.filename:
                    texts += await _texts_of(part, backend)
                elif part.name:
                    _add(fields, part.name, (await _limited(part, _FIELD)).decode())
    except TimeoutError:
        raise too_slow() from None
    except ValueError as error:
        raise Refusal(400, "bad_form", "Expected multipart/form-data in UTF-8.") from error
    return decode(orjson.dumps(fields), Training), texts


def _add(fields: dict[str, Any], name: str, value: str) -> None:
    if name in _LISTS:
        fields.setdefault(name, []).append(value)
    elif name in _NUMBERS and value.isdecimal() and len(value) < 4:
        fields[name] = int(value)
    else:
        fields[name] = value


async def _limited(part: BodyPartReader, most: int) -> bytes:
    taken = bytearray()
    while chunk := await part.read_chunk():
        taken += chunk
        if len(taken) > most:
            raise Refusal(413, "too_large", f"Expected a part of at most {most} bytes, got more.")
    return bytes(taken)


async def _texts_of(
    part: BodyPartReader, backend: Backend
) -> list[tuple[str, str | None, str | None]]:
    """The texts of an uploaded file: of its name only a known ending is used."""
    ending = _SUFFIX.search(part.filename or "")
    if ending is None:
        raise Refusal(
            415,
            "wrong_type_of_file",
            "Expected a file that ends in .jsonl, .json, .csv, .tsv, .txt or .parquet (also .gz).",
        )
    data = await _limited(part, _UPLOAD)

    def read() -> list[tuple[str, str | None, str | None]]:
        with tempfile.TemporaryDirectory(prefix="genre-upload-") as folder:
            file = Path(folder) / f"upload{ending[0].lower()}"
            file.write_bytes(data)
            return list(_few(iter(backend.catalogue.texts(file))))

    return await asyncio.to_thread(read)


def _few(
    texts: Iterator[tuple[str, str | None, str | None]],
) -> Iterator[tuple[str, str | None, str | None]]:
    for number, each in enumerate(texts):
        if number >= _MOST_TEXTS:
            raise Refusal(413, "too_many", f"Expected at most {_MOST_TEXTS} texts, got more.")
        yield each
