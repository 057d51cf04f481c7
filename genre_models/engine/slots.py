"""Keys and values: one slot a row, allocated once, written in place.

A row's token at position p lies at index p whatever its neighbours' lengths (no left padding), so
that its numbers do not depend on them.
"""

from __future__ import annotations

import mmap
from math import prod

import torch

# positions that a step reads are rounded up: few shapes, and zeros that are masked cost little
ROUND = 64


class Slots:
    """Keys (0) and values (1) of `slots` rows: [2, slots * key heads, capacity, width] a layer.

    On a CPU memory is reserved, and taken by the operating system only as positions are written.
    """

    def __init__(
        self,
        *,
        layers: int,
        slots: int,
        heads: int,
        width: int,
        capacity: int,
        device: str = "cpu",
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self.count, self.heads, self.width = slots, heads, width
        self.capacity = -(-capacity // ROUND) * ROUND
        shape = (2, slots * heads, self.capacity, width)
        self.layers = [
            _reserved(shape)
            if device == "cpu" and dtype == torch.float32
            else torch.zeros(shape, device=device, dtype=dtype)
            for _ in range(layers)
        ]

    def visible(self, end: int) -> int:
        """Positions to read so that all below `end` are seen."""
        return min(self.capacity, -(-end // ROUND) * ROUND)

    def places(self, slots: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
        """Flat indices [n * 2 * heads] for n tokens' keys and values.

        Each token's are in the order (2, heads). `slots` and `positions` are [n].
        """
        total = len(self.layers[0][0])
        both = torch.tensor([[0], [total]], device=slots.device)
        heads = torch.arange(self.heads, device=slots.device) + both  # [2, heads]
        rows = slots[:, None, None] * self.heads + heads  # [n, 2, heads]
        return (rows * self.capacity + positions[:, None, None]).flatten()

    def write(self, layer: int, places: torch.Tensor, tokens: torch.Tensor) -> None:
        """Store `tokens` [n, 2, heads, width] at `places`."""
        self.layers[layer].view(-1, self.width).index_copy_(
            0, places, tokens.reshape(-1, self.width)
        )

    def read(self, layer: int, slots: slice, visible: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Views (keys, values), each [slots * heads, visible, width]."""
        rows = slice(slots.start * self.heads, slots.stop * self.heads)
        both = self.layers[layer][:, rows, :visible]
        return both[0], both[1]

    def copy(self, source: int, target: int, length: int) -> None:
        """Make slot `target` a copy of the first `length` positions of slot `source`."""
        here, there = self._rows(source), self._rows(target)
        for layer in self.layers:
            layer[:, there, :length] = layer[:, here, :length]

    def taken(self, slot: int, start: int, end: int) -> torch.Tensor:
        """A copy of a slot's positions: [layers, 2, heads, end - start, width]."""
        rows = self._rows(slot)
        return torch.stack([layer[:, rows, start:end] for layer in self.layers])

    def put(self, slot: int, taken: torch.Tensor) -> None:
        """Fill a slot's first positions with what was `taken`."""
        rows = self._rows(slot)
        for layer, part in zip(self.layers, taken, strict=True):
            layer[:, rows, : part.shape[-2]] = part

    def _rows(self, slot: int) -> slice:
        return slice(slot * self.heads, (slot + 1) * self.heads)


def _reserved(shape: tuple[int, ...]) -> torch.Tensor:
    """Zeros. Huge pages would take all of a slot with its first position."""
    area = mmap.mmap(-1, prod(shape) * torch.float32.itemsize)
    if hasattr(mmap, "MADV_NOHUGEPAGE"):
        area.madvise(mmap.MADV_NOHUGEPAGE)
    return torch.frombuffer(area, dtype=torch.float32).view(shape)
