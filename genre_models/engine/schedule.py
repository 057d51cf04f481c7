"""Which waiting row begins next: fair between users and between genres, and nobody waits for ever.

Virtual token counters (Sheng et al. 2024, "Fairness in Serving Large Language Models"): a token
read counts 1 and a token written 2, for the row's user and for its genre; the row with the smallest
sum begins. Whoever comes back after a pause starts at the smallest counter of those present, so
that absence saves nothing up. Each second of waiting counts as AGE tokens less.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from genre_models.engine.row import Row

READ, WRITTEN = 1, 2
# tokens a second: a row that waited 10 s overtakes one whose user has had 250 words less
AGE = 50.0
# seconds; a row that does not fit beside the running ones keeps newer ones out after that
PATIENCE = 2.0


class Schedule:
    """Waiting rows and what each user and genre has been served."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.waiting: list[Row] = []
        self._since: dict[str, float] = {}
        self._served: dict[tuple[str, str], float] = {}
        self._clock = clock

    def add(self, row: Row, running: Iterable[Row]) -> None:
        """Let a row wait."""
        present = {flow for other in (*self.waiting, *running) for flow in other.flows}
        for flow in row.flows:
            if flow not in present:
                same = [
                    self._served[other]
                    for other in present
                    if other[0] == flow[0] and other in self._served
                ]
                self._served[flow] = max(self._served.get(flow, 0.0), min(same, default=0.0))
        self._forget(present)
        self.waiting.append(row)
        self._since[row.generation.id] = self._clock()

    def remove(self, rows: Iterable[Row]) -> None:
        """These wait no longer."""
        gone = {row.generation.id for row in rows}
        self.waiting = [row for row in self.waiting if row.generation.id not in gone]
        for each in gone:
            self._since.pop(each, None)

    def charge(self, row: Row, tokens: int) -> None:
        """Count what a row was served."""
        for flow in row.flows:
            self._served[flow] = self._served.get(flow, 0.0) + tokens

    def next(self, fits: Callable[[Row], bool]) -> Row | None:
        """The row that begins now: the first that fits, unless one before it has lost patience."""
        for row in sorted(self.waiting, key=self._debt):
            if fits(row):
                return row
            if self._clock() - self._since[row.generation.id] > PATIENCE:
                return None
        return None

    def _debt(self, row: Row) -> float:
        age = self._clock() - self._since[row.generation.id]
        return sum(self._served[flow] for flow in row.flows) - AGE * age

    def _forget(self, present: set[tuple[str, str]]) -> None:
        if len(self._served) > 4096 + len(present):
            self._served = {
                flow: served for flow, served in self._served.items() if flow in present
            }
