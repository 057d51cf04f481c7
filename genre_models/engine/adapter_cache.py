"""Adapters in memory: read from the store by a thread of their own, kept up to a number of bytes.

The tiers: hot (side by side in the running batch, see mixture), memory (here), disk (the store).
What rows hold or an operator has pinned is never let go, whatever the budget. Names hold a digest,
so equal names are equal bytes.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from genre_models.engine.mixture import Weights

Loading = Future[Weights]


class AdapterCache:
    """Least recently used first out, beyond `budget` bytes. Its methods belong to one thread.

    `read` turns a name into weights, or raises ModelError.
    """

    def __init__(self, read: Callable[[str], Weights], budget: int) -> None:
        self._read, self._budget = read, budget
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="adapters")
        self._known: OrderedDict[str, Loading] = OrderedDict()
        self._holds: Counter[str] = Counter()

    def prefetch(self, name: str) -> Loading:
        """Begin to read an adapter, or use it: it is now the most recent one."""
        if name not in self._known or _failed(self._known[name]):
            self._known[name] = self._reader.submit(self._read, name)
        self._known.move_to_end(name)
        loading = self._known[name]
        self._evict()
        return loading

    def hold(self, name: str) -> Loading:
        """The same, kept until released as often as held; pinning is a hold without release."""
        self._holds[name] += 1
        return self.prefetch(name)

    def release(self, name: str) -> None:
        """Take back one hold."""
        self._holds[name] -= 1
        if self._holds[name] <= 0:
            del self._holds[name]
        self._evict()

    @property
    def bytes(self) -> int:
        """Bytes of all that has been read."""
        return sum(_bytes(loading) for loading in self._known.values())

    def __contains__(self, name: str) -> bool:
        return name in self._known

    def _evict(self) -> None:
        excess = self.bytes - self._budget
        for name in [name for name in self._known if name not in self._holds]:
            if excess <= 0:
                return
            if self._known[name].done():
                excess -= _bytes(self._known.pop(name))


def _failed(loading: Loading) -> bool:
    return loading.done() and loading.exception() is not None


def _bytes(loading: Loading) -> int:
    return loading.result().bytes if loading.done() and not _failed(loading) else 0
