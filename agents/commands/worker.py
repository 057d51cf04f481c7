"""`genre worker ROLE`: run one role until it is stopped."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Annotated

import typer

from agents.commands.setup import settings
from agents.roles import build
from streams.clients.kafka import reach
from streams.clients.topic_admin import require
from streams.gateway.server import Gateway
from streams.logs import keep_texts_out
from streams.wire.roles import ROLES

if TYPE_CHECKING:
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


def run(app: RoleApp | Gateway, log_level: str) -> None:
    """Run a Faust app in this process, which returns by exiting, or the gateway."""
    logging.basicConfig(level=log_level, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    if log_level != "DEBUG":
        keep_texts_out()
    logging.getLogger("aiokafka").setLevel(max(logging.ERROR, logging.getLevelName(log_level)))
    if isinstance(app, Gateway):
        asyncio.run(app.run())
    else:
        # The gateway has no use for Faust, which takes a third of a second to import.
        from streams.worker.process import Process

        Process(
            app, loglevel=log_level, quiet=True, redirect_stdouts=False, override_logging=False
        ).execute_from_commandline()
