"""Different adapters, blends and none in one batch: masked rank-concatenation.

All adapters of a batch lie side by side, A [ranks, inputs] and B [outputs, ranks]. A row multiplies its own columns by
its weights and all others by 0: y = W x + B (m * A x). Three operations a site whatever the number of adapters, and a
blend is only another m. Each adapter sums over its own ranks, as in PEFT's add_weighted_adapter("cat").
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

from genre_models.adapters import Adapter
from genre_models.adapters.sites import LINEARS

PADDED = 32  # ranks are padded to a multiple: matmuls of one shape give a row the same bits beside more adapters


@dataclass(frozen=True, slots=True, eq=False)
class Weights:
    """One adapter in memory: module path -> (A [rank, inputs], B [outputs, rank] times its scaling)."""

    rank: int
    sites: Mapping[str, tuple[torch.Tensor, torch.Tensor]]

    @classmethod
    def of(cls, adapter: Adapter) -> Weights:
        """Copy a verified adapter into tensors."""
        pairs = {
            site: (torch.from_numpy(a), torch.from_numpy(b) * adapter.scaling)
            for site, (a, b) in adapter.tensors.items()
        }
        return cls(adapter.rank, pairs)


Blend = tuple[tuple[Weights, float], ...]


class AdaptedLinear(nn.Module):
    """A linear layer of the base model and what the current mixture adds to it."""

    def __init__(self, linear: nn.Module) -> None:
        super().__init__()
        self.linear = linear
        self.low: torch.Tensor | None = None  # [ranks, inputs]
        self.high: torch.Tensor | None = None  # [ranks, outputs]
        self.mask: torch.Tensor | None = None  # [rows, 1, ranks]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[rows, length, inputs] -> [rows, length, outputs]"""
        y: torch.Tensor = self.linear(x)
        if self.low is None or self.high is None or self.mask is None:
            return y
        z = functional.linear(x, self.low) * self.mask
        y.view(-1, y.shape[-1]).addmm_(z.view(-1, z.shape[-1]), self.high)
        return y


class Mixer:
    """Wraps the linears of a model and sets, before each change of the batch, which row uses which adapters."""

    def __init__(self, model: nn.Module) -> None:
        found = [(path, module) for path, module in model.named_modules() if path.rpartition(".")[2] in LINEARS]
        self._sites = {path: AdaptedLinear(linear) for path, linear in found}
        for path, site in self._sites.items():
            model.set_submodule(path, site)
        self._current: list[Weights] = []

    def mix(self, rows: Sequence[Blend]) -> None:
        """Row i of every following forward pass uses `rows[i]`."""
        distinct = list({id(weights): weights for blend in rows for weights, _ in blend}.values())
        if distinct != self._current:
            self._lay_out(distinct)
        mask = self._mask(rows, distinct)
        for site in self._sites.values():
            site.mask = mask

    def _lay_out(self, distinct: list[Weights]) -> None:
        for path, site in self._sites.items():
            site.low, site.high = _side_by_side(path, distinct)
        self._current = distinct

    @staticmethod
    def _mask(rows: Sequence[Blend], distinct: list[Weights]) -> torch.Tensor:
        starts = _starts(distinct)
        mask = torch.zeros(len(rows), 1, _padded(distinct))
        for row, blend in enumerate(rows):
            for weights, weight in blend:
                start = starts[id(weights)]
                mask[row, 0, start : start + weights.rank] += weight
        return mask


def _starts(distinct: list[Weights]) -> dict[int, int]:
    starts, end = {}, 0
    for weights in distinct:
        starts[id(weights)], end = end, end + weights.rank
    return starts


def _padded(distinct: list[Weights]) -> int:
    return -(-sum(weights.rank for weights in distinct) // PADDED) * PADDED


def _side_by_side(path: str, distinct: list[Weights]) -> tuple[torch.Tensor | None, torch.Tensor | None]:
    """(A [ranks, inputs], B [ranks, outputs]) at one site; None where no adapter has weights there."""
    present = [weights.sites[path] for weights in distinct if path in weights.sites]
    if not present:
        return None, None
    low = torch.zeros(_padded(distinct), present[0][0].shape[1])
    high = torch.zeros(_padded(distinct), present[0][1].shape[0])
    starts = _starts(distinct)
    for weights in distinct:
        if path in weights.sites:
            span = slice(starts[id(weights)], starts[id(weights)] + weights.rank)
            low[span], high[span] = weights.sites[path][0], weights.sites[path][1].T
    return low, high
