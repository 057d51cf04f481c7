"""The one way in which a process gives up: it says why, and is gone before anything else runs."""

from __future__ import annotations

import logging
import os
from typing import NoReturn

log = logging.getLogger(__name__)

EXIT_CODE = 70
"""EX_SOFTWARE of sysexits.h."""


def give_up(reason: str, error: BaseException | None = None) -> NoReturn:
    """Log `reason` and an error's traceback, flush the logs and end the process with exit code 70.

    At once, without any cleaning up: what is not committed is delivered again to another worker,
    and nothing that is still running may commit past it.
    """
    log.critical("%s", reason, exc_info=error)
    logging.shutdown()
    os._exit(EXIT_CODE)
