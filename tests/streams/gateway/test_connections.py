"""Bytes that are no HTTP, or never become it: refused in our words, and soon."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any

import pytest
from aiohttp import web

from streams.gateway import connections
from streams.gateway.connections import serve

POST = b"POST /v1/recommendations HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
GET = b"GET /v1/genres HTTP/1.1\r\n"
FORM = b"POST /v1/training HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data"

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@pytest.fixture
async def place(application: web.Application) -> AsyncIterator[tuple[str, int]]:
    """Where a gateway listens."""
    async with AsyncExitStack() as opened:
        yield await serve(opened, application, ("127.0.0.1", 0))


@asynccontextmanager
async def connected(place: tuple[str, int]) -> AsyncIterator[Streams]:
    """A connection, until the block ends."""
    reader, writer = await asyncio.open_connection(*place)
    try:
        yield reader, writer
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


async def answered(place: tuple[str, int], sent: bytes) -> tuple[int, dict[str, Any]]:
    """Status and document of the answer to some bytes; the header says what the document is."""
    async with connected(place) as (reader, writer):
        writer.write(sent)
        head = (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)).decode("latin1")
        headers = dict(line.lower().split(": ", 1) for line in head.splitlines()[1:] if line)
        assert headers["content-type"] == "application/problem+json"
        assert headers["x-content-type-options"] == "nosniff"
        document = json.loads(await reader.readexactly(int(headers["content-length"])))
    return int(head.split()[1]), document


@pytest.mark.parametrize(
    ("sent", "status", "code"),
    [
        (
            POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            400,
            "bad_http",
        ),
        (POST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef", 400, "bad_http"),
        (POST + b"Content-Length: -5\r\n\r\n", 400, "bad_http"),
        (POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 400, "bad_http"),
        (POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nsecret\r\n", 400, "bad_http"),
        (POST + b"Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}", 400, "bad_body"),
        (POST + b"Content-Encoding: secret\r\nContent-Length: 2\r\n\r\n{}", 415, "wrong_encoding"),
        (GET + b"Host : localhost\r\n\r\n", 400, "bad_http"),
        (GET + b"\r\n", 400, "bad_http"),
        (GET + b"Host: localhost\r\nHost: secret\r\n\r\n", 400, "bad_http"),
        (GET + b"Host: localhost\r\nX: a\0secret\r\n\r\n", 400, "bad_http"),
        (GET + b"Host: [::1\r\n\r\n", 403, "bad_host"),
        (GET + b"Host: localhost\r\nOrigin: http://[secret\r\n\r\n", 403, "cross_origin"),
        (GET + b"Host: localhost\r\n" + b"X: secret\r\n" * 200 + b"\r\n", 431, "large_head"),
        (GET + b"Host: localhost\r\nX: " + b"secret" * 9000 + b"\r\n\r\n", 431, "large_head"),
        (b"GET /" + b"secret" * 9000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", 431, "large_head"),
        (b"GET / HTTP/3.7\r\nHost: localhost\r\n\r\n", 400, "bad_http"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03secret", 400, "bad_http"),
        (b"CONNECT secret:443 HTTP/1.1\r\nHost: localhost\r\n\r\n", 404, "no_such_path"),
        (FORM + b"\r\nContent-Length: 2\r\n\r\n{}", 400, "bad_form"),
        (FORM + b"; boundary=x\r\nContent-Length: 5\r\n\r\nhello", 400, "bad_form"),
        (
            FORM
            + b"; boundary=x\r\nContent-Length: 27\r\n\r\n--x\r\nsecret\r\n\r\nhi\r\n--x--\r\n",
            400,
            "bad_http",
        ),
    ],
)
async def test_what_is_no_http_is_refused_and_not_repeated(
    place: tuple[str, int], sent: bytes, status: int, code: str
) -> None:
    got, document = await answered(place, sent)
    assert (got, document["status"], document["code"]) == (status, status, code)
    assert document["detail"].startswith("Expected") and "secret" not in json.dumps(document)


async def test_a_chunk_that_turns_out_bad_later_is_no_defect(
    place: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.gateway.bodies._WITHIN", 0.3)
    async with connected(place) as (reader, writer):
        writer.write(POST + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}")
        await writer.drain()
        await asyncio.sleep(0.05)
        writer.write(b"and more than two\r\n")
        assert b" 408 " in await asyncio.wait_for(reader.readline(), 10)


async def test_a_head_that_never_ends_is_given_up(
    application: web.Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "_HEAD", 0.3)
    async with AsyncExitStack() as opened:
        place = await serve(opened, application, ("127.0.0.1", 0))
        async with asyncio.timeout(20), connected(place) as (reader, writer):
            while not reader.at_eof() and reader.exception() is None:
                writer.write(b"G")
                await asyncio.sleep(0.05)
        async with asyncio.timeout(20), connected(place) as (reader, writer):
            assert await reader.read() == b"", "nor does one that says nothing stay"


async def test_a_request_may_take_longer_than_its_head(
    application: web.Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def slow(_request: web.Request) -> web.Response:
        await asyncio.sleep(0.4)
        return web.Response(text="at last")

    monkeypatch.setattr(connections, "_HEAD", 0.2)
    application.router.add_get("/slow", slow)
    async with AsyncExitStack() as opened:
        place = await serve(opened, application, ("127.0.0.1", 0))
        async with connected(place) as (reader, writer):
            writer.write(b"GET /slow HTTP/1.0\r\n\r\n")
            assert b"at last" in await reader.read()


async def test_a_reader_that_takes_nothing_is_cut(
    application: web.Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = asyncio.Event()

    async def large(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            while True:
                await response.write(b"a" * 2**20)
        finally:
            left.set()

    monkeypatch.setattr(connections, "_STALLED", 0.5)
    application.router.add_get("/large", large)
    async with AsyncExitStack() as opened:
        place = await serve(opened, application, ("127.0.0.1", 0))
        async with asyncio.timeout(60), connected(place) as (_, writer):
            writer.transport.pause_reading()  # type: ignore[attr-defined]
            writer.write(b"GET /large HTTP/1.0\r\n\r\n")
            await left.wait()


async def test_a_client_may_ask_whether_to_go_on(place: tuple[str, int]) -> None:
    body = b'{"user_id": "ada", "prompt": "a joke"}'
    length = b"Content-Length: %d\r\n" % len(body)
    for expect, first in ((b"100-continue", b" 100 "), (b"200-ok", b" 200 ")):
        async with connected(place) as (reader, writer):
            writer.write(POST + length + b"Expect: " + expect + b"\r\n\r\n")
            if expect == b"100-continue":
                assert first in await asyncio.wait_for(reader.readline(), 10)
                assert await reader.readline() == b"\r\n"
            writer.write(body)
            assert b" 200 " in await asyncio.wait_for(reader.readline(), 10)
