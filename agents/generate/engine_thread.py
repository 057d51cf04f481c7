"""An engine in a thread of its own: the event loop submits rows and awaits what they become."""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from functools import partial

from genre_models.engine import Engine, Finished, Generation, Piece
from genre_models.engine.generation import failed

log = logging.getLogger(__name__)

Events = asyncio.Queue[Piece | Finished]


class EngineThread:
    """Steps an engine in a thread of its own; a row's events go to the loop that submitted it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._commands: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._listeners: dict[str, tuple[asyncio.AbstractEventLoop, Events]] = {}
        self.steps = 0
        """How many steps the engine has taken: it is alive as long as they grow."""
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)
        self._thread.start()

    def submit(self, rows: Sequence[Generation]) -> Events:
        """Queue rows; their pieces and ends arrive in the returned queue."""
        loop = asyncio.get_running_loop()
        events: Events = asyncio.Queue()

        def begin() -> None:
            self._listeners.update({row.id: (loop, events) for row in rows})
            self._engine.submit(rows)

        self._commands.put(begin)
        return events

    def cancel(self, ids: Sequence[str]) -> None:
        """Stop rows at the next step; each still ends with a Finished (`cancelled`)."""

        def end() -> None:
            for each in ids:
                self._engine.cancel(each)

        self._commands.put(end)

    def prefetch(self, adapters: Sequence[str]) -> None:
        """Have adapters ready for rows that will come."""
        self._commands.put(partial(self._engine.prefetch, adapters))

    def stop(self) -> None:
        """End the thread."""
        self._commands.put(None)

    def _run(self) -> None:
        while self._obey():
            try:
                self.steps += 1
                events = self._engine.step()
            except Exception:
                # The engine answers for bad rows; this is a defect, and no row may wait for ever.
                log.exception("the engine failed; its rows fail")
                events = self._fail_all()
            self._tell(events)

    def _obey(self) -> bool:
        """Take all commands that wait; when there is nothing to do, wait for the next one."""
        while self._engine.idle or not self._commands.empty():
            command = self._commands.get()
            if command is None:
                return False
            try:
                command()
            except Exception:
                log.exception("the engine refused a command; its rows fail")
                self._tell(self._fail_all())
        return True

    def _fail_all(self) -> list[Piece | Finished]:
        rows = list(self._listeners)
        for row in rows:
            self._engine.cancel(row)
        return [failed(row, "engine_failed", "The engine failed on this batch.") for row in rows]

    def _tell(self, events: Sequence[Piece | Finished]) -> None:
        """Hand a step's events over at once: a loop that is woken for each sends each alone."""
        heard: defaultdict[asyncio.AbstractEventLoop, list[tuple[Events, Piece | Finished]]] = (
            defaultdict(list)
        )
        for event in events:
            take = self._listeners.pop if isinstance(event, Finished) else self._listeners.get
            if listener := take(event.id, None):
                heard[listener[0]].append((listener[1], event))
        for loop, news in heard.items():
            loop.call_soon_threadsafe(_hear, news)


def _hear(news: Iterable[tuple[Events, Piece | Finished]]) -> None:
    for events, event in news:
        events.put_nowait(event)
