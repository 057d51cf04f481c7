"""A worker that stands ends: what must move is looked at every second, and what does not is told.

Time is counted in the watchdog's own looks, each for what it took but at most for two: a wall clock
that jumps, a machine that slept and a process that was paused make nothing look old.
"""

from __future__ import annotations

import asyncio
import sys
import threading
import time
import traceback
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass

from streams.ending import give_up


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """Something that must move now."""

    name: str
    stands: str
    """What to say when it does not: 'nothing of genre.requests[0] is processed'."""
    value: object
    """Every change is a movement."""
    limit: float
    """Seconds without a movement after which the worker ends."""
    notice: float
    """Seconds after which the health page says so."""
    blamed: bool = False
    """Whether the reason may lie in an event that is in hand."""


class Watchdog:
    """Asks `look` on the event loop for what is due; a thread of its own keeps the time.

    The thread also notices a loop that stands for `limit` seconds. Code in C that never lets go of
    the interpreter stops both; whoever asks for the health page notices that.
    """

    def __init__(
        self, look: Callable[[], Iterable[Due]], *, limit: float, period: float = 1.0
    ) -> None:
        self._look = look
        self._limit = limit
        self._period = min(period, limit / 10)
        self._stopped = threading.Event()
        self._moved: dict[str, tuple[object, float]] = {}
        self._seen: dict[Hashable, tuple[object, float]] = {}
        self._looked = 0.0
        self.now = 0.0
        """Seconds of its own time."""
        self.reason: str | None = None
        """Why the worker is not well, where it is not."""

    def start(self) -> None:
        """Begin to watch the running loop."""
        self._looked = self.now
        watched = (asyncio.get_running_loop(), threading.get_ident())
        threading.Thread(target=self._watch, args=watched, name="watchdog", daemon=True).start()

    def stop(self) -> None:
        """Watch no more."""
        self._stopped.set()

    def age(self, key: Hashable, value: object) -> float:
        """Seconds for which `value` has been the value of `key`, as far as this was asked."""
        seen, since = self._seen.get(key, (value, self.now))
        since = since if seen == value else self.now
        self._seen[key] = (value, since)
        return round(self.now - since, 1)

    def pass_time(self, seconds: float) -> None:
        """Count the time since the last call."""
        self.now += min(seconds, 2 * self._period)

    def judge(self) -> None:
        """Compare what is due with what it was; end the process where something stands."""
        self._looked = self.now
        dues = list(self._look())
        before, self._moved, reasons, others = self._moved, {}, [], False
        for due in dues:
            value, since = before.get(due.name, (None, self.now))
            since = since if value == due.value else self.now
            self._moved[due.name] = (due.value, since)
            age = self.now - since
            if age > due.notice:
                reasons.append(f"{due.stands} for {age:.0f} s")
                others = others or not due.blamed
            if age > due.limit:
                line = f"{due.stands} for {age:.0f} s; this worker ends, to be started again"
                # Where nothing is heard of Kafka, that is why events are not done.
                give_up(line, blamed=not others)
        more = f" (and {len(reasons) - 1} more)" if len(reasons) > 1 else ""
        self.reason = reasons[0] + more if reasons else None

    def _watch(self, loop: asyncio.AbstractEventLoop, thread: int) -> None:
        last = time.monotonic()
        while not self._stopped.wait(self._period):
            last, before = time.monotonic(), last
            self.pass_time(last - before)
            standing = self.now - self._looked
            if standing > self._limit:
                give_up(
                    f"the event loop stands for {standing:.0f} s in {_place(thread)}; "
                    "this worker ends, to be started again",
                    blamed=True,
                )
            try:
                loop.call_soon_threadsafe(self._judge_once, self.now)
            except RuntimeError:  # the loop is closed
                return

    def _judge_once(self, asked: float) -> None:
        # A loop that stood has a call waiting for every look that it missed.
        if asked > self._looked and not self._stopped.is_set():
            self.judge()


def _place(thread: int) -> str:
    """Where a thread is now."""
    frame = sys._current_frames().get(thread)
    if frame is None:
        return "no thread"
    last = traceback.extract_stack(frame)[-1]
    return f"{last.name} ({last.filename}:{last.lineno})"
