"""Different adapters, blends and none in one batch: masked rank-concatenation.

All hot adapters lie side by side, A [ranks, inputs] and B [ranks, outputs]. A row multiplies its
own ranks by its weights and all others by 0: y = W x + B (m * A x). The number of operations a site
does not grow with the number of adapters, and a blend is only another m. Each adapter sums over its
own ranks, as in PEFT's add_weighted_adapter("cat").
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Protocol

import torch
from torch.nn import functional

from genre_models.adapters import Adapter
from schemas.errors import ModelError

LEAST = 16  # ranks; below, the shape of a matmul changes a row's bits
MOST = 128  # ranks of all adapters in a step: 16 of rank 8
STEP = 4  # adapters begin at multiples of so many ranks, so that all gaps can be used

Pair = tuple[torch.Tensor, torch.Tensor]


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Weights:
    """One adapter in memory: module path -> (A [rank, inputs], scaled B [rank, outputs]).

    `digest` is that of the adapter's files.
    """

    rank: int
    sites: Mapping[str, Pair]
    digest: str

    @classmethod
    def of(cls, adapter: Adapter) -> Weights:
        """Copy a verified adapter into tensors; ranks of zeros fill it up to a multiple of STEP."""
        more = -adapter.rank % STEP
        pairs = {
            site: (
                functional.pad(torch.from_numpy(a), (0, 0, 0, more)),
                functional.pad(
                    (torch.from_numpy(b) * adapter.scaling).T, (0, 0, 0, more)
                ).contiguous(),
            )
            for site, (a, b) in adapter.tensors.items()
        }
        return cls(adapter.rank + more, pairs, adapter.digest)

    def to(self, device: str, dtype: torch.dtype) -> Weights:
        """The same elsewhere, or in another precision."""
        pairs = {
            site: (low.to(device, dtype), high.to(device, dtype))
            for site, (low, high) in self.sites.items()
        }
        return Weights(self.rank, pairs, self.digest)

    @property
    def bytes(self) -> int:
        """Bytes in memory."""
        return sum(tensor.nbytes for pair in self.sites.values() for tensor in pair)


Blend = tuple[tuple[Weights, float], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Linears that share their input, computed as one.

    `parts` are (module path, outputs), side by side in y.
    """

    inputs: int
    parts: tuple[tuple[str, int], ...]

    def spans(self) -> list[slice]:
        """Where each part lies in y."""
        outputs = [size for _, size in self.parts]
        ends = accumulate(outputs)
        return [slice(end - size, end) for end, size in zip(ends, outputs, strict=True)]


class Mixture(Protocol):
    """What adapters add to the base model in one forward pass."""

    def add(self, site: Site, x: torch.Tensor, y: torch.Tensor) -> None:
        """Add to `y` [rows, outputs] what the adapters make of `x` [rows, inputs]."""


@dataclass(frozen=True, slots=True, eq=False)
class Uniform:
    """One blend for all rows: a prompt's tokens."""

    blend: Blend

    def add(self, site: Site, x: torch.Tensor, y: torch.Tensor) -> None:
        """See Mixture."""
        for (path, _), span in zip(site.parts, site.spans(), strict=True):
            for weights, weight in self.blend:
                if path in weights.sites:
                    low, high = weights.sites[path]
                    y[:, span].addmm_(functional.linear(x, low), high, alpha=weight)


@dataclass(frozen=True, slots=True, eq=False)
class _Heat:
    """The hot adapters at one site: A [parts * ranks, inputs], B [ranks, outputs] a part."""

    low: torch.Tensor
    highs: list[tuple[slice, torch.Tensor]]


class Hot:
    """The running rows' adapters, side by side, each in one place for as long as it is used."""

    def __init__(
        self, sites: Sequence[Site], device: str = "cpu", dtype: torch.dtype = torch.float32
    ) -> None:
        self._sites, self._device, self._dtype = sites, device, dtype
        self._ranks = LEAST
        self._starts: dict[Weights, int] = {}
        self._heat: dict[int, _Heat] = {}
        self._mask = self._zeros(0, 1, LEAST)

    def mix(self, rows: Sequence[Blend]) -> None:
        """Row i of every following pass uses `rows[i]`."""
        distinct = list({weights: None for blend in rows for weights, _ in blend})
        needed = _power(sum(weights.rank for weights in distinct))
        if needed > self._ranks or needed * 4 <= self._ranks or not self._placed(distinct):
            self._lay_out(distinct, needed)
        self._mask = self._masked(rows)

    def add(self, site: Site, x: torch.Tensor, y: torch.Tensor) -> None:
        """See Mixture."""
        heat = self._heat.get(id(site))
        if heat is None:
            return
        z = functional.linear(x, heat.low).view(len(x), len(heat.highs), self._ranks) * self._mask
        for index, (span, high) in enumerate(heat.highs):
            y[:, span].addmm_(z[:, index], high)

    def _placed(self, distinct: list[Weights]) -> bool:
        """Give each new adapter a free place; False where none is long enough."""
        for gone in [weights for weights in self._starts if weights not in distinct]:
            del self._starts[gone]
        for weights in distinct:
            if weights not in self._starts:
                start = self._gap(weights.rank)
                if start is None:
                    return False
                self._put(weights, start)
        return True

    def _gap(self, rank: int) -> int | None:
        taken = [range(start, start + weights.rank) for weights, start in self._starts.items()]
        free = (
            start
            for start in range(0, self._ranks - rank + 1, STEP)
            if not any(start < used.stop and used.start < start + rank for used in taken)
        )
        return next(free, None)

    def _lay_out(self, distinct: list[Weights], ranks: int) -> None:
        self._ranks, self._starts, self._heat = ranks, {}, {}
        for weights in sorted(distinct, key=lambda each: -each.rank):
            start = self._gap(weights.rank)
            assert start is not None, "the largest first always fit in as many ranks as they have"
            self._put(weights, start)

    def _put(self, weights: Weights, start: int) -> None:
        self._starts[weights] = start
        ranks = slice(start, start + weights.rank)
        for site in self._sites:
            if id(site) not in self._heat and any(path in weights.sites for path, _ in site.parts):
                self._heat[id(site)] = self._cold(site)
            if id(site) in self._heat:
                self._fill(self._heat[id(site)], site, weights, ranks)

    def _fill(self, heat: _Heat, site: Site, weights: Weights, ranks: slice) -> None:
        low = heat.low.view(len(site.parts), self._ranks, site.inputs)
        for index, (path, _) in enumerate(site.parts):
            pair = weights.sites.get(path)
            low[index, ranks] = pair[0] if pair else 0.0
            heat.highs[index][1][ranks] = pair[1] if pair else 0.0

    def _cold(self, site: Site) -> _Heat:
        highs = [self._zeros(self._ranks, outputs) for _, outputs in site.parts]
        low = self._zeros(len(site.parts) * self._ranks, site.inputs)
        return _Heat(low, list(zip(site.spans(), highs, strict=True)))

    def _masked(self, rows: Sequence[Blend]) -> torch.Tensor:
        mask = torch.zeros(len(rows), 1, self._ranks)
        for row, blend in enumerate(rows):
            for weights, weight in blend:
                start = self._starts[weights]
                mask[row, 0, start : start + weights.rank] += weight
        return mask.to(self._device, self._dtype)

    def _zeros(self, *shape: int) -> torch.Tensor:
        return torch.zeros(shape, device=self._device, dtype=self._dtype)


def check_width(blend: Blend) -> None:
    """Raises ModelError `blend_too_wide` for a blend that cannot be hot at once."""
    ranks = sum(weights.rank for weights in {weights for weights, _ in blend})
    if ranks > MOST:
        raise ModelError(
            "blend_too_wide",
            f"expected adapters with at most {MOST} ranks in one blend, got {ranks}",
        )


def ranks_of(blends: Sequence[Blend]) -> int:
    """Ranks of all distinct adapters in `blends`."""
    return sum(weights.rank for weights in {weights for blend in blends for weights, _ in blend})


def _power(ranks: int) -> int:
    """The next of 16, 32, 64, 128."""
    return max(LEAST, 1 << (ranks - 1).bit_length()) if ranks else LEAST
