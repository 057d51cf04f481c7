"""The server's side of a connection: nobody holds one for ever, and what is no HTTP is refused."""

from __future__ import annotations

import asyncio
import logging
import socket
from contextlib import AsyncExitStack

from aiohttp import web
from aiohttp.http import HttpProcessingError, HttpVersion11
from aiohttp.typedefs import Handler

from streams.gateway.gate import HEADERS
from streams.gateway.problems import problem, refusal_of

log = logging.getLogger(__name__)

# Seconds: until the head of a connection's first request is there; until that of the next; until a
# reader has taken something of what was sent.
_HEAD, _IDLE, _STALLED = 30.0, 30.0, 30.0
_LINE = 8190  # bytes, of a line or a header
_BACKLOG = 1024  # connections that wait to be taken, as when a thousand clients come back at once


class Connection(web.RequestHandler):
    """aiohttp's, which waits for ever for the first head, and quotes what is no HTTP."""

    _late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to count."""
        super().connection_made(transport)
        self._late = asyncio.get_running_loop().call_later(_HEAD, transport.close)
        sock = transport.get_extra_info("socket")
        if hasattr(socket, "TCP_USER_TIMEOUT"):  # on Linux
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(1000 * _STALLED))

    def connection_lost(self, exc: BaseException | None) -> None:
        """Nothing is waited for any more."""
        self.arrived()
        super().connection_lost(exc)

    def arrived(self) -> None:
        """The head of a request is there."""
        if self._late is not None:
            self._late.cancel()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """The answer to what the parser of HTTP refuses; the connection ends with it."""
        refusal = refusal_of(exc) if isinstance(exc, HttpProcessingError) else None
        if refusal is None:
            return super().handle_error(request, status, exc, message)
        log.info("no HTTP request: %s, %d", type(exc).__name__, refusal.status)
        response = problem(refusal)
        response.headers.update(HEADERS)
        response.force_close()
        return response


async def serve(
    opened: AsyncExitStack, application: web.Application, place: tuple[str, int]
) -> tuple[str, int]:
    """Serve until `opened` is closed; returns host and port. Raises OSError for a taken place."""
    application.middlewares.insert(0, _arrived)
    runner = web.AppRunner(
        application,
        handler_cancellation=True,  # a client that leaves cancels what it has asked for
        shutdown_timeout=1.0,
    )
    await runner.setup()
    opened.push_async_callback(runner.cleanup)
    manager, loop = runner.server, asyncio.get_running_loop()
    assert manager is not None

    def connected() -> Connection:
        return Connection(
            manager,
            loop=loop,
            access_log=None,  # type: ignore[arg-type]  # the gate keeps one, without ids
            keepalive_timeout=_IDLE,
            max_line_size=_LINE,
            max_field_size=_LINE,
        )

    server = await loop.create_server(connected, *place, backlog=_BACKLOG)
    opened.callback(server.close)
    host, port, *_ = server.sockets[0].getsockname()
    return host, port


@web.middleware
async def _arrived(request: web.Request, handler: Handler) -> web.StreamResponse:
    if isinstance(request.protocol, Connection):
        request.protocol.arrived()
    return await handler(request)


async def go_on(request: web.Request) -> None:
    """Answer `Expect: 100-continue`; other expectations have no meaning."""
    if (
        request.version == HttpVersion11
        and request.headers.get("Expect", "").lower() == "100-continue"
    ):
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0  # what is sent so far does not begin the answer
