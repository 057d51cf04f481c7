"""`genre worker ROLE`: run one role until it is stopped."""

from __future__ import annotations

import asyncio
import logging
from typing import Annotated, Any

import faust
import typer

from agents.commands.setup import settings
from agents.roles import build
from streams.clients.kafka import reach
from streams.clients.topic_admin import require
from streams.ending import Limit, Pause
from streams.gateway.server import Gateway
from streams.logs import keep_texts_out
from streams.wire.roles import ROLES
from streams.worker.app import RoleApp


def _known(role: str) -> str:
    if role not in ROLES:
        raise typer.BadParameter(f"expected one of {', '.join(ROLES)}, got {role!r}")
    return role


RoleName = Annotated[
    str,
    typer.Argument(
        metavar="|".join(ROLES),
        callback=_known,
        help="Which role to run; start more of a role to scale it.",
    ),
]


def worker(role: RoleName) -> None:
    """Run one role until SIGTERM or Ctrl-C; a second ends it at once.

    The health page says when it is ready.
    """
    given = settings()
    asyncio.run(reach(given))
    asyncio.run(require(given))
    run(build(role, given), given.log_level)


class Process(faust.Worker):
    """Faust's worker, which stops within a limit whatever it is at."""

    def __init__(self, app: RoleApp, **options: Any) -> None:
        super().__init__(app, **options)
        self._limit = Limit(app.genre_settings.stop_limit)
        self._pause = Pause(app.genre_settings.session_timeout)

    def install_signal_handlers(self) -> None:
        """Faust's, and over them those of the limit and of pauses."""
        super().install_signal_handlers()
        self._limit.listen()
        self.add_future(self._pause.watch())

    async def stop(self) -> None:
        """Stop for whatever reason: a worker that has crashed must end, too."""
        self._limit.begin()
        await super().stop()


def run(app: RoleApp | Gateway, log_level: str) -> None:
    """Run a Faust app in this process, which returns by exiting, or the gateway."""
    logging.basicConfig(level=log_level, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    if log_level != "DEBUG":
        keep_texts_out()
    logging.getLogger("aiokafka").setLevel(max(logging.ERROR, logging.getLevelName(log_level)))
    if isinstance(app, Gateway):
        asyncio.run(app.run())
    else:
        Process(
            app, loglevel=log_level, quiet=True, redirect_stdouts=False, override_logging=False
        ).execute_from_commandline()
