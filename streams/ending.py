"""How a process ends before its time.

It gives up, it was asked to stop and is not done, or it was paused for too long.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import NoReturn

log = logging.getLogger(__name__)

EXIT_CODE = 70
"""EX_SOFTWARE of sysexits.h."""
UNFINISHED = 75
"""EX_TEMPFAIL of sysexits.h: asked to stop, and not done at the limit."""


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


class Limit:
    """Holds a process that is stopping to `seconds`; then it ends with exit code 75, as it is.

    In a thread, so that an event loop that hangs is no hindrance.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._timer: threading.Timer | None = None
        self._signalled = False

    def begin(self) -> None:
        """The time runs from the first call on."""
        if self._timer is None:
            self._timer = threading.Timer(self._seconds, self._end)
            self._timer.daemon = True
            self._timer.start()

    def listen(self) -> None:
        """Begin at the first SIGTERM or SIGINT, and end at once at the second: 128 and its number.

        An event loop that listens to these signals already goes on hearing them.
        """
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        if self._signalled:
            os._exit(128 + number)
        self._signalled = True
        self.begin()

    def _end(self) -> None:
        log.critical(
            "not stopped after %g seconds; ends as it is: what is not committed is delivered again",
            self._seconds,
        )
        logging.shutdown()
        os._exit(UNFINISHED)


class Pause:
    """Ends a process that goes on after a pause of more than `longest` seconds with exit code 70.

    Others do its work by then; what it still holds is old, and on a compacted topic would stand
    for the newest. The signal that ends a pause is handled before anything else in the main thread.
    """

    def __init__(self, longest: float) -> None:
        self._longest = longest
        self._last = _now()

    async def watch(self) -> None:
        """Listen to SIGCONT, and note for ever when this process ran last."""
        signal.signal(signal.SIGCONT, self._resumed)
        while True:
            self._last = _now()
            await asyncio.sleep(self._longest / 20)

    def _resumed(self, _number: int, _frame: FrameType | None) -> None:
        paused = _now() - self._last
        if paused > self._longest:
            log.critical("was paused for %.0f seconds, longer than its session; ends", paused)
            logging.shutdown()
            os._exit(EXIT_CODE)


def _now() -> float:
    """Seconds that go on while the machine sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)
