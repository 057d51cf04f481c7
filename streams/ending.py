"""The one way in which a process gives up: it says why, and is gone before anything else runs."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from typing import NoReturn

log = logging.getLogger(__name__)

EXIT_CODE = 70
"""EX_SOFTWARE of sysexits.h."""


_forgiving: list[Callable[[], None]] = []


def before_giving_up(forgive: Callable[[], None]) -> None:
    """Have this called before the process gives up for a reason that lies in no event."""
    _forgiving.append(forgive)


def give_up(reason: str, error: BaseException | None = None, *, blamed: bool = False) -> NoReturn:
    """Log `reason` and an error's traceback, flush the logs and end the process with exit code 70.

    `blamed`: the reason may lie in the events that are in hand.

    At once, without any cleaning up: what is not committed is delivered again to another worker,
    and nothing that is still running may commit past it.
    """
    if not blamed:
        for forgive in _forgiving:
            forgive()
    log.critical("%s", reason, exc_info=error)
    logging.shutdown()
    os._exit(EXIT_CODE)
