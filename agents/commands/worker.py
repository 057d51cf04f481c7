"""`genre worker ROLE`: run one role until it is stopped."""

from __future__ import annotations

import asyncio
import logging
from enum import StrEnum
from typing import Annotated

import faust
import typer

from agents.commands.setup import settings
from agents.roles import build
from streams.kafka import reach
from streams.topic_admin import require


class Role(StrEnum):
    """The roles of a GENRE installation."""

    classify = "classify"
    recommend = "recommend"
    generate = "generate"
    train = "train"


def worker(role: Annotated[Role, typer.Argument(help="Which role to run; start more of a role to scale it.")]) -> None:
    """Run one role until SIGTERM or Ctrl-C. The health page says when it is ready."""
    given = settings()
    asyncio.run(reach(given))
    asyncio.run(require(given))
    run(build(role.value, given), given.log_level)


def run(app: faust.App, log_level: str) -> None:
    """Run a Faust app in this process; returns by exiting."""
    logging.basicConfig(level=log_level, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("aiokafka").setLevel(max(logging.ERROR, logging.getLevelName(log_level)))
    faust.Worker(
        app, loglevel=log_level, quiet=True, redirect_stdouts=False, override_logging=False
    ).execute_from_commandline()
