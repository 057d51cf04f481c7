"""A text in the making: tokens to pieces that never end in half a character or stop string."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

UNFINISHED = "\ufffd"  # what a tokenizer shows for the first bytes of a longer character


class Writing:
    """The text of one row. `text` is what has been given out so far."""

    def __init__(self, tokenizer: Any, stop: Sequence[str] = ()) -> None:
        self._tokenizer = tokenizer
        self._stop = tuple(filter(None, stop))
        self._tokens: list[int] = []
        self.text = ""
        self.stopped = False

    @property
    def tokens(self) -> frozenset[int]:
        """The tokens that occur in it."""
        return frozenset(self._tokens)

    def add(self, token: int) -> str:
        """Take one more token; returns the text that is now certain, possibly none."""
        self._tokens.append(token)
        whole = self._decoded()
        ends = [at for at in (whole.find(stop) for stop in self._stop) if at >= 0]
        self.stopped = bool(ends)
        return self._give(min(ends) if ends else len(whole) - self._held_back(whole), whole)

    def close(self) -> str:
        """No more tokens: returns what was held back for a stop string that did not come."""
        whole = self._decoded()
        return "" if self.stopped else self._give(len(whole), whole)

    def _decoded(self) -> str:
        text: str = self._tokenizer.decode(self._tokens, skip_special_tokens=True)
        return text.rstrip(UNFINISHED)

    def _held_back(self, whole: str) -> int:
        """Characters at the end of `whole` that begin a stop string."""
        return max(
            (
                size
                for stop in self._stop
                for size in range(1, len(stop))
                if whole.endswith(stop[:size])
            ),
            default=0,
        )

    def _give(self, end: int, whole: str) -> str:
        piece = whole[len(self.text) : end]
        self.text += piece
        return piece
