"""The rows that run together, and their keys and values."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from genre_models.engine.attention import SlotCache
from genre_models.engine.mixture import Blend
from genre_models.engine.row import Row

MULTIPLE = 4  # rows; fp32 matmuls give a row the same bits beside 3, 7, 11 ... others, but not beside 0, 1 or 2


class Batch:
    """Rows in slots; empty slots fill up to a multiple of 4 and are computed and ignored."""

    def __init__(self, rows: Sequence[Row], cache: SlotCache) -> None:
        self.slots: list[Row | None] = [*rows]
        self.cache = cache
        self._fill()

    @property
    def rows(self) -> list[Row]:
        """The rows that have not ended."""
        return [row for row in self.slots if row is not None]

    @property
    def blends(self) -> list[Blend]:
        """One a slot."""
        return [row.blend if row else () for row in self.slots]

    def inputs(self) -> tuple[torch.Tensor, torch.Tensor]:
        """(token ids [slots, 1], positions [slots]) of the next step."""
        tokens = torch.tensor([[row.last if row else 0] for row in self.slots])
        return tokens, torch.tensor([row.position if row else 0 for row in self.slots])

    def join(self, other: Batch) -> None:
        """Take in another batch's rows."""
        self.compact()
        other.compact()
        slots = [*self.slots, *other.slots]
        self.cache = self.cache.joined(other.cache)
        self.slots = slots
        self._keep([index for index, row in enumerate(slots) if row is not None])

    def compact(self) -> bool:
        """Let ended rows leave where that makes the batch smaller; returns whether slots have moved."""
        self.slots = [None if row is None or row.ended else row for row in self.slots]
        live = [index for index, row in enumerate(self.slots) if row is not None]
        if len(self.slots) - len(live) < MULTIPLE:
            return False
        self._keep(live)
        return True

    def _keep(self, indices: list[int]) -> None:
        self.slots = [self.slots[index] for index in indices]
        self.cache = self.cache.select(torch.tensor(indices, dtype=torch.long))
        self._fill()

    def _fill(self) -> None:
        missing = -len(self.slots) % MULTIPLE
        if missing:
            self.cache = self.cache.select(torch.tensor([*range(len(self.slots)), *[0] * missing]))
            self.slots += [None] * missing
