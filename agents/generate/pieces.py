"""What clients see of texts while they are written: sentences that the safety gate lets pass."""

# ruff: noqa: RUF001  ends of sentences in many scripts
from __future__ import annotations

import re
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from functools import partial

from genre_models.safety import SafetyGate
from schemas.generations import GenerationTask
from schemas.parts import Verdict
from schemas.progress import Progress

# Seconds. What is written within is one piece: nobody reads faster, and each is a record that
# broker and clients handle.
MOMENT = 0.1
# A part that may go out: to the last end of a sentence or line, or, of what has none for so long
# (characters), to its last word.
_PART = re.compile(r"(?s).*(?:[.!?…][\"”’»')\]]*\s|[。！？\n])")
_WORDS = re.compile(r"(?s).*\s")
_LONG = 300
_BEFORE = 200  # characters of what went out that are judged with what follows: as far as rules look


class Pieces:
    """The pieces of one task's candidates: whole sentences, each judged before it goes out.

    The first goes out at once, others in a new moment. Moments are the clock's, not the task's:
    pieces of all tasks go out together. Of a candidate that is held back nothing more is told but
    that, by an empty piece with the verdict's `code` and `message`.
    """

    def __init__(
        self, task: GenerationTask, gate: SafetyGate, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._task, self._clock = task, clock
        self._check = partial(gate.check_text, tenant=task.tenant)
        self._genres = {arm.index: arm.genre for arm in task.arms}
        self._gathered: defaultdict[int, str] = defaultdict(str)
        self._before: defaultdict[int, str] = defaultdict(str)
        self._sequences: Counter[int] = Counter()
        self._ended: set[int] = set()
        self._held_back: set[int] = set()
        self._told = -1

    def add(self, index: int, text: str) -> None:
        """Take what a candidate goes on with."""
        if index not in self._held_back:
            self._gathered[index] += text

    def end(self, index: int) -> None:
        """A candidate is written: what it broke off with may go out too."""
        self._ended.add(index)

    def are_due(self, *, last: bool) -> bool:
        """Whether it is a new moment, or the last one, and some candidate has gone on."""
        moment = int(self._clock() / MOMENT)
        return (last or moment != self._told) and any(map(self._part, self._gathered))

    def due(self) -> list[Progress]:
        """A piece of each candidate that has gone on by a sentence; encodes each."""
        self._told = int(self._clock() / MOMENT)
        return [piece for index in list(self._gathered) for piece in self._piece(index)]

    def _part(self, index: int) -> str:
        text = self._gathered[index]
        if index in self._ended:
            return text
        found = _PART.match(text) or (_WORDS.match(text) if len(text) > _LONG else None)
        return found[0] if found else ""

    def _piece(self, index: int) -> Iterator[Progress]:
        part = self._part(index)
        if not part:
            return
        judged = self._before[index] + part
        verdict = self._check(judged, self._genres.get(index))
        if not verdict.allowed:
            self._held_back.add(index)
            del self._gathered[index]
            yield self._progress(index, "", verdict)
            return
        self._gathered[index] = self._gathered[index][len(part) :]
        self._before[index] = judged[-_BEFORE:]
        yield self._progress(index, part, None)

    def _progress(self, index: int, text: str, held: Verdict | None) -> Progress:
        sequence = self._sequences[index]
        self._sequences[index] += 1
        return Progress(
            kind="piece",
            request_id=self._task.request_id,
            user_id=self._task.user_id,
            tenant=self._task.tenant,
            index=index,
            sequence=sequence,
            text=text,
            code=held.code if held else None,
            message=held.reason if held else None,
        )
