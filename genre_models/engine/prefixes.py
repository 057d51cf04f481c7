"""Prompts begin alike: keys and values of what was read once are kept and read no second time.

Blocks of equally many tokens, each known by the adapters' digests and all tokens up to its end. The
bytes of an adapter decide, never its name; the base is the one model of an engine.
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

    def load(self, prompt: Sequence[int], blend: Blend, slot: int) -> int:
        """Fill a slot with what is known of a prompt's beginning; how many tokens that are.

        One token at least is left to be read: nothing else gives logits.
        """
        known: list[Key] = []
        for key in self._keys(prompt[:-1], blend):
            if key not in self._blocks:
                break
            known.append(key)
        if known:
            self._slots.put(slot, torch.cat([self._blocks[key] for key in known], dim=-2))
        # A beginning outlives what continues it: without it, that is never found.
        for key in reversed(known):
            self._blocks.move_to_end(key)
        return len(known) * self._grain

    def keep(self, prompt: Sequence[int], blend: Blend, slot: int) -> None:
        """Keep the whole blocks of a prompt, or of its beginning, that lies in a slot."""
        for key in reversed(list(self._keys(prompt, blend))):
            if key not in self._blocks:
                end = len(key[1])
                self._blocks[key] = self._slots.taken(slot, end - self._grain, end)
                self.bytes += self._blocks[key].nbytes
            self._blocks.move_to_end(key)
        while self.bytes > self._budget:
            self.bytes -= self._blocks.popitem(last=False)[1].nbytes

    def _keys(self, tokens: Sequence[int], blend: Blend) -> Iterator[Key]:
        adapters = tuple((weights.digest, share) for weights, share in blend)
        for end in range(self._grain, len(tokens) + 1, self._grain):
            yield adapters, tuple(tokens[:end])
