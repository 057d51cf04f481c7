"""Prompts open alike, with a genre's instruction, style and card: what was read once is kept.

That is keys and values, in blocks of some tokens, each known by the adapters' digests and all
tokens up to its end. The bytes of an adapter decide, never its name; the base is the one model of
an engine. Nothing that a user wrote is kept.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence

import torch

from genre_models.engine.mixture import Blend
from genre_models.engine.slots import Slots

Key = tuple[tuple[tuple[str, float], ...], tuple[int, ...]]


class Prefixes:
    """Blocks of `grain` tokens, copied out of and into slots; least recently used first out.

    `budget` is in bytes.
    """

    def __init__(self, slots: Slots, *, grain: int, budget: int) -> None:
        self._slots, self._grain, self._budget = slots, grain, budget
        self._blocks: OrderedDict[Key, torch.Tensor] = OrderedDict()
        self.bytes = 0
        """Bytes of all that is kept."""

    def load(self, opening: Sequence[int], blend: Blend, slot: int) -> int:
        """Fill a slot with what is known of a prompt's opening; how many tokens that is."""
        known: list[Key] = []
        for key in self._keys(opening, blend):
            if key not in self._blocks:
                break
            known.append(key)
        if known:
            self._slots.put(slot, torch.cat([self._blocks[key] for key in known], dim=-2))
        # A beginning outlives what continues it: without it, that is never found.
        for key in reversed(known):
            self._blocks.move_to_end(key)
        return len(known[-1][1]) if known else 0

    def keep(self, opening: Sequence[int], blend: Blend, slot: int) -> None:
        """Keep an opening that lies in a slot."""
        start, missing = 0, list[tuple[Key, torch.Tensor]]()
        for key in self._keys(opening, blend):
            if key not in self._blocks:
                missing.append((key, self._slots.taken(slot, start, len(key[1]))))
            start = len(key[1])
        for key, block in reversed(missing):
            self._blocks[key] = block
            self.bytes += block.nbytes
        while self.bytes > self._budget:
            self.bytes -= self._blocks.popitem(last=False)[1].nbytes

    def _keys(self, tokens: Sequence[int], blend: Blend) -> Iterator[Key]:
        """Those of each whole block and of what is left behind the last."""
        adapters = tuple((weights.digest, share) for weights, share in blend)
        for end in (*range(self._grain, len(tokens), self._grain), len(tokens)):
            yield adapters, tuple(tokens[:end])
