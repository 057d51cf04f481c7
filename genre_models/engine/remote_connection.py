"""Connections to one server: kept, of limited answers, ended from another thread where need be."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Generator, Iterator, Mapping
from contextlib import closing, suppress
from http.client import HTTPException
from typing import Any

from urllib3 import HTTPConnectionPool, HTTPResponse, connection_from_url
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError, LocationValueError, ProtocolError
from urllib3.util import Timeout, parse_url

from schemas.errors import ModelError, chain, discreet

CONNECT = 5.0  # seconds until a connection is there
KEPT = 64  # connections; more are opened where more rows run, and closed after use
MOST_BYTES = 4 << 20  # of an answer
READ = 64 << 10  # bytes at a time
REST_OF_ANSWER = 0.2  # seconds; a connection whose answer does not end is not kept
MOST_TOLD = 4096  # bytes of an error that are looked at


class ServerFailed(ModelError):
    """A server did not do what it was asked; another one may."""


class Refused(Exception):
    """An answer other than 200, or an error in a stream.

    `status` is 0 where it came without. `told` is what it says, in small letters: it may quote a
    text, so it is looked at and never shown.
    """

    def __init__(self, status: int, told: str) -> None:
        super().__init__(f"{status}")
        self.status, self.told = status, told.lower()


class Ended(Exception):
    """The call was ended from another thread."""


class Call:
    """What one row asks of servers, one request after the other; any thread may end it."""

    def __init__(self) -> None:
        self._connection: _Owned | None = None
        self._ended = threading.Event()

    @property
    def ended(self) -> bool:
        """Whether it was ended."""
        return self._ended.is_set()

    def pause(self, seconds: float) -> None:
        """Wait; raises Ended when it is ended meanwhile."""
        if self._ended.wait(seconds):
            raise Ended

    def end(self) -> None:
        """Stop the request under way and close its connection, which tells the server."""
        with _ownership:
            self._ended.set()
            connection = self._connection
            if connection is not None and connection.call is self and connection.sock is not None:
                with suppress(OSError):  # of the plain socket: TLS has no say in it
                    socket.socket.shutdown(connection.sock, socket.SHUT_RDWR)

    def own(self, connection: _Owned) -> None:
        """The request runs on `connection` from here on. Raises Ended."""
        with _ownership:
            if self.ended:
                raise Ended
            self._connection, connection.call = connection, self

    def within(self, seconds: float) -> None:
        """Let the next bytes of the request under way come within so many seconds."""
        with _ownership:
            connection = self._connection
            if connection is not None and connection.call is self and connection.sock is not None:
                connection.sock.settimeout(max(seconds, 0.001))


_ownership = threading.Lock()  # a connection that goes back is the next row's at once
_calling = threading.local()


class _Owned(HTTPConnection):
    """A connection that knows for which call it works."""

    call: Call | None = None

    def request(self, *arguments: Any, **options: Any) -> None:
        _calling.call.own(self)
        super().request(*arguments, **options)

    def getresponse(self) -> HTTPResponse:  # type: ignore[override]
        _calling.call.own(self)  # it may have ended before there was a socket
        return super().getresponse()


class _OwnedSecure(_Owned, HTTPSConnection):
    pass


class Connections:
    """Kept connections to the server at `url`; safe to use from many threads."""

    def __init__(self, url: str, timeout: float) -> None:
        """Raises ModelError `bad_server`."""
        try:
            if not url.startswith(("http://", "https://")):
                raise LocationValueError
            self._pool: HTTPConnectionPool = connection_from_url(
                url, maxsize=KEPT, timeout=Timeout(connect=min(CONNECT, timeout), read=timeout)
            )
            self._prefix = (parse_url(url).path or "").rstrip("/")
        except (LocationValueError, ValueError) as error:
            raise ModelError("bad_server", f"expected http://host:port, got {url!r}") from error
        secure = url.startswith("https://")
        self._pool.ConnectionCls = _OwnedSecure if secure else _Owned
        self._url, self._timeout = url, timeout

    def ask(self, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """The JSON that `path` answers to a GET, or to a POST of `body`; {} for what is none.

        Raises Refused, and ServerFailed `server_unavailable`.
        """
        data = b"".join(self.stream(path, body, Call()))
        try:
            return json.loads(data) if data.lstrip()[:1] in (b"{", b"[") else {}
        except (ValueError, RecursionError) as error:
            raise self._unavailable(path, error) from error

    def stream(
        self, path: str, body: Mapping[str, Any] | None, call: Call
    ) -> Generator[bytes, None, None]:
        """The bytes of an answer as they come, at most MOST_BYTES within the timeout.

        Raises Refused, Ended, and ServerFailed `server_unavailable` where the answer breaks off.
        """
        until = time.monotonic() + self._timeout
        try:
            with closing(self._response(path, body, call)) as response:
                try:
                    if response.status != 200:
                        told = response.read1(MOST_TOLD, decode_content=False)
                        raise Refused(response.status, told.decode("utf-8", "replace"))
                    yield from self._chunks(path, response, call, until)
                finally:
                    _finish(response, call)
        except (HTTPError, HTTPException, OSError) as error:
            if call.ended:
                raise Ended from error
            raise self._unavailable(path, error) from error

    def _response(self, path: str, body: Mapping[str, Any] | None, call: Call) -> HTTPResponse:
        try:
            return self._sent(path, body, call)
        except ProtocolError:
            if call.ended:
                raise
            # a kept connection that the server has closed while it was being used
            return self._sent(path, body, call)

    def _sent(self, path: str, body: Mapping[str, Any] | None, call: Call) -> HTTPResponse:
        _calling.call = call
        response = self._pool.urlopen(
            "GET" if body is None else "POST",
            self._prefix + path,
            body=None if body is None else json.dumps(body).encode(),
            headers={"content-type": "application/json"},
            retries=False,
            redirect=False,
            preload_content=False,
        )
        assert isinstance(response, HTTPResponse)
        return response

    def _chunks(
        self, path: str, response: HTTPResponse, call: Call, until: float
    ) -> Iterator[bytes]:
        size = 0
        while chunk := response.read1(READ, decode_content=False):
            size += len(chunk)
            if size > MOST_BYTES:
                raise ServerFailed(
                    "server_garbage",
                    f"expected at most {MOST_BYTES} bytes from {self._url}{path}, got more",
                )
            yield chunk
            call.within(until - time.monotonic())
        if call.ended:  # what looks like the end of an answer without a length
            raise Ended

    def _unavailable(self, path: str, error: Exception) -> ServerFailed:
        told = next((e for e in chain(error) if isinstance(e, OSError) and e.errno), error)
        return ServerFailed(
            "server_unavailable",
            f"{self._url}{path} does not answer as it should: {discreet(told)}",
        )


def _finish(response: HTTPResponse, call: Call) -> None:
    """Read the rest of an answer that is wanted no more, where it is there: to keep the connection.

    The caller closes the response; one that was read to its end has given its connection back.
    """
    if response.closed:
        return
    with suppress(HTTPError, HTTPException, OSError):
        call.within(REST_OF_ANSWER)
        if response.read1(READ, decode_content=False):
            response.read1(READ, decode_content=False)
