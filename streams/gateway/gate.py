"""What every request passes: an id, a key, an account in log and metrics, errors as HTTP."""

from __future__ import annotations

import logging
import re
import time
import uuid
from collections.abc import Mapping
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.typedefs import Handler
from prometheus_client import CollectorRegistry, Counter, Histogram

from schemas.errors import discreet
from streams.gateway.backend import BACKEND, CALLER
from streams.gateway.openai import errors as openai
from streams.gateway.problems import Refusal, problem, refusal_of
from streams.gateway.routes import Route

log = logging.getLogger(__name__)

_ID: web.RequestKey[str] = web.RequestKey("id", str)
_HEADER, _PLAIN = "X-Request-Id", re.compile(r"[A-Za-z0-9._-]{1,128}")
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
# Of whatever is answered. A page of ours loads nothing from elsewhere and runs no inline script.
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
}
_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 600.0)


class Gate:
    """A middleware of aiohttp; `routes` are those that need a key, by their handlers."""

    def __init__(self, routes: Mapping[object, Route], registry: CollectorRegistry) -> None:
        self._routes = routes
        self._requests = Counter(
            "genre_gateway_requests_total",
            "Requests that were answered.",
            ["method", "path", "status"],
            registry=registry,
        )
        self._seconds = Histogram(
            "genre_gateway_request_seconds",
            "From the request's headers to the end of its answer.",
            ["method", "path"],
            buckets=_BUCKETS,
            registry=registry,
        )

    def middleware(self) -> object:
        """The middleware."""

        @web.middleware
        async def gate(request: web.Request, handler: Handler) -> web.StreamResponse:
            request[_ID], begun = _id(request), time.monotonic()
            status = 499  # as nginx says that the client has left
            try:
                response = await self._answer(request, handler)
                status = response.status
                return response
            finally:
                self._account(request, status, time.monotonic() - begun)

        return gate

    async def _answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        route = self._routes.get(request.match_info.handler)
        try:
            _check_origin(request)
            if route is not None:
                self._let_in(request, route)
            return await handler(request)
        except ConnectionError:
            raise
        except Exception as error:
            refusal = refusal_of(error)
            if refusal is None:
                log.error("request %s: %s", request[_ID], discreet(error), exc_info=error)
                refusal = Refusal(500, "defect", "A defect of GENRE's; the log says more.")
            if route is not None and route.is_openai:
                return openai.error(refusal)
            return problem(refusal, request=request[_ID])

    def _let_in(self, request: web.Request, route: Route) -> None:
        keys = request.app[BACKEND].keys
        if not keys.needed and _host_of(f"//{request.host}")[1] not in _LOOPBACK:
            # A page elsewhere whose name was made to lead here would be let in like its user.
            raise Refusal(403, "bad_host", "Expected localhost in `Host`, got another name.")
        caller = keys.caller(request.headers.get("Authorization"))
        caller.may(route.scope)
        request[CALLER] = caller

    def _account(self, request: web.Request, status: int, seconds: float) -> None:
        # Never the path as it came: it holds ids of users.
        resource = request.match_info.route.resource
        path = resource.canonical if resource is not None else "none"
        method = request.method if request.method in _METHODS else "other"
        caller = request.get(CALLER)
        self._requests.labels(method, path, str(status)).inc()
        self._seconds.labels(method, path).observe(seconds)
        log.info(
            "%s %s %d %.1f ms key=%s request=%s",
            method,
            path,
            status,
            1000 * seconds,
            caller.name if caller else "-",
            request[_ID],
        )


_METHODS = ("GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH")


async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
    """What every response has."""
    response.headers.setdefault(_HEADER, request.get(_ID, ""))
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    response.headers.setdefault("Cache-Control", "no-store")
    response.headers.pop("Server", None)


def _id(request: web.Request) -> str:
    """The client's own id where it is a plain word, or a new one."""
    given = request.headers.get(_HEADER, "")
    return given if _PLAIN.fullmatch(given) else uuid.uuid4().hex


def _check_origin(request: web.Request) -> None:
    """No page of another site: CORS is closed, and forms need no CORS."""
    origin = request.headers.get("Origin")
    if origin is not None and _host_of(origin)[0] != request.host:
        raise Refusal(
            403, "cross_origin", "Expected a request of this gateway's own page, or of no page."
        )


def _host_of(address: str) -> tuple[str | None, str | None]:
    """Host with port, and host alone, of an address; nothing of what is none.

    >>> _host_of("https://[::1]:80"), _host_of("//[::1")
    (('[::1]:80', '::1'), (None, None))
    """
    try:
        parts = urlsplit(address)
    except ValueError:
        return None, None
    return parts.netloc, parts.hostname
