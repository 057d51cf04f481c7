"""The rows that run together, row i in slot i."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from genre_models.engine.mixture import Blend
from genre_models.engine.row import Row
from genre_models.engine.slots import Slots


class Batch:
    """Running rows in the first slots, padded to a multiple of `multiple`.

    The padding is computed and ignored.
    """

    def __init__(self, slots: Slots, multiple: int) -> None:
        self.rows: list[Row] = []
        self._slots, self._multiple = slots, multiple

    @property
    def blends(self) -> list[Blend]:
        """One for each computed row."""
        return [*(row.blend for row in self.rows), *[()] * self._missing]

    def inputs(self) -> tuple[torch.Tensor, torch.Tensor]:
        """(tokens, positions) of the next step, each [computed rows]."""
        tokens, positions = [row.last for row in self.rows], [row.position for row in self.rows]
        padding = [0] * self._missing
        return torch.tensor(tokens + padding), torch.tensor(positions + padding)

    def join(self, rows: Sequence[Row], slot: int) -> None:
        """Take in rows whose prompt lies in `slot`."""
        for row in rows:
            self._slots.copy(slot, len(self.rows), len(row.prompt))
            self.rows.append(row)

    def tidy(self) -> bool:
        """Let ended rows go, the last one moving into the gap; returns whether any has gone."""
        before = len(self.rows)
        for index in reversed(range(before)):
            if self.rows[index].ended:
                last = self.rows.pop()
                if index < len(self.rows):
                    self._slots.copy(len(self.rows), index, last.position)
                    self.rows[index] = last
        return len(self.rows) < before

    @property
    def _missing(self) -> int:
        return -len(self.rows) % self._multiple
