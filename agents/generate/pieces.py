"""What clients see of texts while they are written: pieces, ten times a second at most."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator

from schemas.generations import GenerationTask
from schemas.progress import Progress

# Seconds. What is written within is one piece: nobody reads faster, and each is a record that
# broker and clients handle.
MOMENT = 0.1


class Pieces:
    """The pieces of one task's candidates. The first goes out at once.

    Moments are the clock's, not the task's: pieces of all tasks go out together.
    """

    def __init__(self, task: GenerationTask, clock: Callable[[], float] = time.monotonic) -> None:
        self._task, self._clock = task, clock
        self._gathered: defaultdict[int, str] = defaultdict(str)
        self._sequences: Counter[int] = Counter()
        self._told = -1

    def add(self, index: int, text: str) -> None:
        """Take what a candidate goes on with."""
        self._gathered[index] += text

    def due(self, *, last: bool) -> Iterator[Progress]:
        """A piece of each candidate that has gone on, in a new moment or as the `last` ones."""
        moment = int(self._clock() / MOMENT)
        if not self._gathered or (moment == self._told and not last):
            return
        self._told, gathered = moment, dict(self._gathered)
        self._gathered.clear()
        for index, text in gathered.items():
            yield Progress(
                kind="piece",
                request_id=self._task.request_id,
                user_id=self._task.user_id,
                tenant=self._task.tenant,
                index=index,
                sequence=self._sequences[index],
                text=text,
            )
            self._sequences[index] += 1
