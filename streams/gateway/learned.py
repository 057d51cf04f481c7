"""How far the recommend role has come on `feedback`: what it has committed, it has learned."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from schemas.feedback import Feedback
from streams.clients.kafka import committed
from streams.clients.newest import last
from streams.settings import Settings
from streams.wire.headers import ERRORS, event_id, text
from streams.wire.topics import BY_EVENT

_PAUSE = 0.2  # seconds between two questions to the broker
_LETTERS = 500  # dead letters, the last of a partition, among which one of now is looked for


class Learned:
    """Waits for reactions to be learned; whoever waits shares the questions to the broker."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._topic = BY_EVENT[Feedback]
        self._asking = asyncio.Lock()
        self._ends: dict[tuple[str, int], int] = {}
        self._until = 0.0

    async def until(self, places: Iterable[tuple[int, int]], within: float) -> bool:
        """Whether everything at these partitions and offsets is handled in so many seconds."""
        name, open_ = self._settings.topic(self._topic.name), set(places)
        try:
            async with asyncio.timeout(within):
                while True:
                    ends = await self._committed(name)
                    open_ = {(p, offset) for p, offset in open_ if ends.get((name, p), 0) <= offset}
                    if not open_:
                        return True
                    await asyncio.sleep(_PAUSE)
        except TimeoutError:
            return False

    async def refusal(self, feedback: Feedback) -> str | None:
        """The code with which a reaction became a dead letter; None where it was learned."""
        identity = event_id(self._topic, self._topic.identity(feedback))
        letter = await last(
            self._settings,
            self._topic.dead_letters,
            self._topic.key(feedback),
            lambda record: text(record.headers, "ce_id") == identity,
            most=_LETTERS,
        )
        return None if letter is None else text(letter.headers, f"{ERRORS}code") or "refused"

    async def _committed(self, name: str) -> dict[tuple[str, int], int]:
        async with self._asking:
            now = asyncio.get_running_loop().time()
            if now >= self._until:
                group = self._settings.topic("recommend")
                self._ends = await committed(self._settings, group, name)
                self._until = asyncio.get_running_loop().time() + _PAUSE
        return self._ends
