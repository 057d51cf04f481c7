"""Keys and values in one slot a row, and attention that reads them without copying.

A row's token at position p lies at index p whatever its neighbours' lengths (no left padding), so that its numbers do
not depend on them. Query heads that share a key head are handed to the kernel as one group of queries: nothing is
repeated.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.nn import functional
from transformers import AttentionInterface

NAME = "genre_grouped"
ROUND = 64  # positions; buffers grow by this much


class SlotCache:
    """What transformers calls `past_key_values`, for rows of different lengths.

    keys and values: one tensor [rows, key heads, capacity, width] a layer. `positions` [rows] says where the next
    token of each row goes; None while prefilling, when tokens go to the start.
    """

    def __init__(self, capacity: int) -> None:
        self.capacity = -(-capacity // ROUND) * ROUND
        self.keys: list[torch.Tensor] = []
        self.values: list[torch.Tensor] = []
        self.positions: torch.Tensor | None = None
        self.visible = 0

    def update(
        self, keys: torch.Tensor, values: torch.Tensor, layer: int, *_: Any, **__: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Store new keys and values [rows, key heads, tokens, width]; returns all that are to be attended to."""
        if self.positions is None:
            self.keys.append(_grown(keys, self.capacity))
            self.values.append(_grown(values, self.capacity))
            return keys, values
        rows = torch.arange(len(self.positions))
        self.keys[layer][rows, :, self.positions] = keys[:, :, 0]
        self.values[layer][rows, :, self.positions] = values[:, :, 0]
        return self.keys[layer][:, :, : self.visible], self.values[layer][:, :, : self.visible]

    def at(self, positions: torch.Tensor) -> SlotCache:
        """Make ready for one token a row at `positions` [rows]."""
        self.positions = positions
        self.visible = min(self.capacity, -(-(int(positions.max()) + 1) // ROUND) * ROUND)
        return self

    def select(self, rows: torch.Tensor) -> SlotCache:
        """A cache with copies of these rows."""
        chosen = SlotCache(self.capacity)
        chosen.keys = [keys[rows] for keys in self.keys]
        chosen.values = [values[rows] for values in self.values]
        return chosen

    def joined(self, other: SlotCache) -> SlotCache:
        """A cache with these rows and then the other's."""
        both = SlotCache(max(self.capacity, other.capacity))
        both.keys = [_below(*pair, both.capacity) for pair in zip(self.keys, other.keys, strict=True)]
        both.values = [_below(*pair, both.capacity) for pair in zip(self.values, other.values, strict=True)]
        return both


def grouped_attention(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float | None = None,
    **_: Any,
) -> tuple[torch.Tensor, None]:
    """Attention as transformers calls it: [rows, query heads, tokens, width] over [rows, key heads, visible, width].

    One token a row takes plain matmuls: on its second thread, torch's fused kernel gives a row other bits.
    """
    rows, heads, tokens, width = query.shape
    scaling = width**-0.5 if scaling is None else scaling
    if attention_mask is None:
        found = functional.scaled_dot_product_attention(
            query, key, value, is_causal=True, scale=scaling, enable_gqa=True
        )
        return found.transpose(1, 2), None
    query = query.reshape(rows, key.shape[1], heads // key.shape[1], width) * scaling
    scores = (query @ key.transpose(-1, -2)).masked_fill_(~attention_mask, -torch.inf)
    return (scores.softmax(-1) @ value).reshape(rows, tokens, heads, width), None


def use_grouped_attention(model: Any) -> None:
    """Let `model` call `grouped_attention`."""
    AttentionInterface.register(NAME, grouped_attention)
    model.set_attn_implementation(NAME)


def visible_mask(positions: torch.Tensor, visible: int) -> torch.Tensor:
    """[rows, 1, 1, visible]: a row sees everything up to the position that it writes now."""
    return (torch.arange(visible) <= positions[:, None])[:, None, None, :]


def _grown(tensor: torch.Tensor, capacity: int) -> torch.Tensor:
    return functional.pad(tensor, (0, 0, 0, capacity - tensor.shape[2]))


def _below(first: torch.Tensor, second: torch.Tensor, capacity: int) -> torch.Tensor:
    return torch.cat([_grown(first, capacity), _grown(second, capacity)])
