"""The gateway: an HTTP server beside Kafka, started, watched and stopped as every worker is."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import signal
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any

import orjson
from aiohttp import web
from prometheus_client import CollectorRegistry, Gauge
from prometheus_client.aiohttp import make_aiohttp_handler

from schemas.adapters import AdapterEvent
from schemas.errors import NotReady
from streams.clients.client import Client
from streams.clients.follower import Follower
from streams.clients.kafka import reach
from streams.ending import Limit
from streams.gateway.backend import BACKEND, Backend, Catalogue
from streams.gateway.connections import go_on, serve
from streams.gateway.gate import Gate, add_headers
from streams.gateway.journal import Journal
from streams.gateway.keys import Keys
from streams.gateway.learned import Learned
from streams.gateway.openapi import printed
from streams.gateway.page_files import PageFiles
from streams.gateway.routes import ROUTES, Route
from streams.memory import resident_megabytes
from streams.settings import Settings
from streams.wire.limits import MAX_MESSAGE_BYTES
from streams.wire.topics import BY_NAME

log = logging.getLogger(__name__)

_QUESTION, _SILENCE = 2.0, 10.0  # seconds between two questions to Kafka, and without an answer


class Gateway:
    """One replica; `run` it until SIGTERM or SIGINT.

    `catalogue` knows of genres, and `follow` takes the records of `adapters`. Raises NotReady:
    `bad_keys`, and `no_keys` for an address beyond loopback without a file of keys.
    """

    def __init__(
        self,
        settings: Settings,
        catalogue: Catalogue,
        follow: Callable[[str, AdapterEvent | None], None],
    ) -> None:
        self._settings = settings
        self._catalogue = catalogue
        self._follow = follow
        self._keys = Keys(settings.gateway_keys)
        if not self._keys.needed and not is_loopback(settings.gateway_host):
            raise NotReady(
                "no_keys",
                f"Expected GENRE_GATEWAY_KEYS to name a file of keys, as the gateway listens on "
                f"{settings.gateway_host}, got none; `genre keys create NAME` prints what to put "
                "into it.",
            )
        self._heard = 0.0
        self.address = ""
        """Where it listens, once it is ready."""

    async def run(self, stopped: asyncio.Event | None = None) -> None:
        """Serve until the process is asked to stop, or `stopped` is set."""
        stopped = stopped or _asked_to_stop(self._settings)
        async with AsyncExitStack() as opened:
            backend = await self._backend(opened)
            registry = CollectorRegistry()
            Gauge(
                "genre_gateway_open", "Requests that wait or stream.", registry=registry
            ).set_function(lambda: backend.open)
            host, port = await serve(opened, self._application(backend, registry), self._public())
            await serve(opened, self._watched(registry), self._private())
            self.address = f"http://{f'[{host}]' if ':' in host else host}:{port}"
            asking = asyncio.create_task(self._ask_kafka())
            opened.callback(asking.cancel)
            log.info("the gateway listens at %s", self.address)
            await stopped.wait()
            backend.stopping = True

    async def _backend(self, opened: AsyncExitStack) -> Backend:
        client = await opened.enter_async_context(Client(self._settings))
        follower = Follower[AdapterEvent](self._settings, BY_NAME["adapters"], self._follow)
        journal = Journal(self._settings)
        opened.push_async_callback(follower.stop)
        opened.push_async_callback(journal.stop)
        await asyncio.gather(follower.start(), journal.start())
        self._heard = asyncio.get_running_loop().time()
        return Backend(
            settings=self._settings,
            client=client,
            journal=journal,
            keys=self._keys,
            catalogue=self._catalogue,
            learned=Learned(self._settings),
        )

    def _application(self, backend: Backend, registry: CollectorRegistry) -> web.Application:
        guarded: dict[object, Route] = {route.handler: route for route in ROUTES}
        metrics = make_aiohttp_handler(registry)
        guarded[metrics] = Route(method="GET", path="/metrics", handler=metrics, scope="operate")
        gate: Any = Gate(guarded, registry).middleware()
        application = web.Application(middlewares=[gate], client_max_size=MAX_MESSAGE_BYTES)
        application[BACKEND] = backend
        application.on_response_prepare.append(add_headers)
        for route in ROUTES:
            application.router.add_route(
                route.method, route.path, route.handler, expect_handler=go_on
            )
        described, page = printed(ROUTES), PageFiles()

        async def openapi(_request: web.Request) -> web.Response:
            return web.json_response(body=described)

        application.router.add_get("/openapi.json", openapi)
        application.router.add_get("/health", self._health)
        application.router.add_get("/metrics", metrics)
        application.router.add_get("/", page.answer)
        application.router.add_get("/page/{name:.+}", page.answer)
        return application

    def _watched(self, registry: CollectorRegistry) -> web.Application:
        """What orchestrators and Prometheus read, on a port that clients need not reach."""
        application = web.Application()
        application.router.add_get("/health", self._health)
        application.router.add_get("/metrics", make_aiohttp_handler(registry))
        return application

    async def _health(self, _request: web.Request) -> web.Response:
        silent = asyncio.get_running_loop().time() - self._heard
        ready = silent < _SILENCE
        state = {
            "role": "gateway",
            "ready": ready,
            "reason": "" if ready else f"Kafka has not answered for {silent:.0f} s",
            "address": self.address,
            "rss_mb": resident_megabytes(),
        }
        return web.json_response(body=orjson.dumps(state), status=200 if ready else 503)

    async def _ask_kafka(self) -> None:
        """Note for ever when Kafka answered last."""
        while True:
            try:
                await reach(self._settings)
                self._heard = asyncio.get_running_loop().time()
            except NotReady as error:
                log.warning("%s", error)
            await asyncio.sleep(_QUESTION)

    def _public(self) -> tuple[str, int]:
        return self._settings.gateway_host, self._settings.gateway_port

    def _private(self) -> tuple[str, int]:
        return self._settings.health_bind, self._settings.health_port


def is_loopback(host: str) -> bool:
    """Whether only programs of this machine reach an address.

    >>> is_loopback("127.0.0.1"), is_loopback("localhost"), is_loopback("0.0.0.0")
    (True, True, False)
    """
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _asked_to_stop(settings: Settings) -> asyncio.Event:
    stopped, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    Limit(settings.stop_limit).listen()
    return stopped
