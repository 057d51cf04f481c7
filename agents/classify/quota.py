"""How much one user may ask for: looked at before anything is computed for a request."""

from __future__ import annotations

import time
from collections.abc import Callable

_MINUTE = 60.0  # seconds
_MOST = 10_000  # users; the one who was silent for longest is forgotten first


class Quota:
    """Bytes of prompts by user: at most `a_minute` at once, and that much again in each minute.

    A token bucket; a user who was silent for a minute is not remembered.
    """

    def __init__(self, a_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._a_minute = a_minute
        self._clock = clock
        self._left: dict[str, tuple[float, float]] = {}

    def takes(self, user: str, size: int) -> bool:
        """Whether a prompt of `size` bytes is still within the user's quota; then it counts."""
        now = self._clock()
        left, since = self._left.pop(user, (self._a_minute, now))
        left = min(self._a_minute, left + (now - since) * self._a_minute / _MINUTE)
        is_within = size <= left
        self._left[user] = (left - size if is_within else left, now)
        self._forget(now)
        return is_within

    def __len__(self) -> int:
        """How many users are remembered."""
        return len(self._left)

    def _forget(self, now: float) -> None:
        while len(self._left) > _MOST or next(iter(self._left.values()))[1] <= now - _MINUTE:
            del self._left[next(iter(self._left))]
