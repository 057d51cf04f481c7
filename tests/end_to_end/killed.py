"""A worker that is killed at each step of an erase, and started again: `killed worker ROLE`.

Each life is a fork of a process that has imported everything: a start takes no seconds.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from agents.commands.worker import run
from agents.recommend import rights
from agents.recommend.ledger import Case
from agents.roles import build
from genre_models.training.texts.store import TextStore
from schemas.keys import key_of
from streams.settings import Settings

USERS = ("ada-0", "ada-1", "ada-2")
"""Each is erased by a worker that is killed at one step; the one after completes it."""

_PR_SET_PDEATHSIG = 1


def _after(place: Any, name: str, is_time: Callable[..., bool]) -> Callable[[], None]:
    """Kills the process when a function has returned, if it is time."""
    plain = getattr(place, name)

    def killing(*given: Any, **named: Any) -> Any:
        result = plain(*given, **named)
        if is_time(*given):
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    return lambda: setattr(place, name, killing)


STEPS: dict[str, list[Callable[[], None]]] = {
    "recommend": [
        # RocksDB has the tombstones of the decisions, the changelog has not.
        _after(Case, "forget", lambda case: case.key == USERS[0]),
        # RocksDB has the headstone, the changelog has not.
        _after(Case, "keep", lambda case: case.key == USERS[1] and case.row.erased_at > 0),
        # Everything is published, nothing is committed, the tables' files are as they were.
        _after(rights, "_tell_again", lambda _, delivery: key_of(delivery.event) == USERS[2]),
    ],
    "train": [
        # The texts are gone, whose adapters they are in is not said.
        _after(TextStore, "erase", lambda _, user, time: user == USERS[0]),
    ],
}


def main(role: str) -> None:
    """Live as often as there are steps, and once more, until the end that is asked for."""
    for arm in (*STEPS[role], None):
        child = os.fork()
        if child == 0:
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            if arm is not None:
                arm()
            settings = Settings.from_environment()
            run(build(role, settings), settings.log_level)
            os._exit(0)
        signal.signal(signal.SIGTERM, lambda *_, pid=child: os.kill(pid, signal.SIGTERM))
        _, status = os.waitpid(child, 0)
        if not os.WIFSIGNALED(status) or os.WTERMSIG(status) != signal.SIGKILL:
            sys.exit(os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    main(sys.argv[2])
