"""A worker's health page: `/health` answers 200 when it is ready, else 503, always with JSON."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import orjson
from aiohttp import web
from mode import Service

from streams.memory import resident_megabytes

log = logging.getLogger(__name__)

State = Callable[[], dict[str, Any]]


class HealthPage(Service):
    """Serves `/health` on one address while its app runs; `state()` must hold a boolean `ready`."""

    def __init__(self, state: State, *, bind: str, port: int, **options: Any) -> None:
        super().__init__(**options)
        self._state = state
        self._bind = bind
        self._port = port
        self._runner: web.AppRunner | None = None

    async def on_start(self) -> None:
        """Open the port."""
        application = web.Application()
        application.router.add_get("/health", self._answer)
        self._runner = web.AppRunner(application, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, self._bind, self._port).start()
        host, port, *_ = self._runner.addresses[0]
        log.info("health page at http://%s:%s/health", host, port)

    async def on_stop(self) -> None:
        """Close the port."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _answer(self, _request: web.Request) -> web.Response:
        state = self._state() | {"rss_mb": resident_megabytes()}
        return web.Response(
            body=orjson.dumps(state),
            content_type="application/json",
            status=200 if state["ready"] else 503,
        )
