"""What a new adapter must beat on its own held-out texts: the adapters that are there already."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch

from genre_models.adapters import Adapter, AdapterStore
from genre_models.adapters.name import POOLED
from genre_models.adapters.tensors import key_of
from genre_models.training.order import Order
from genre_models.training.top_half import Lowered, TopHalf
from schemas.errors import ModelError

# held-out texts by which the nearest of the other genres are found: each text and adapter
# costs 0.2 s
GLANCE = 16
NEAREST = 2  # adapters of other genres that all held-out texts are tried on


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """An adapter and its loss on the held-out texts of the new genre, nats a token."""

    name: str
    genre: str
    loss: float
    weights: Mapping[str, torch.Tensor]


def measure(
    half: TopHalf, held_out: Sequence[Lowered], store: AdapterStore, order: Order
) -> list[Control]:
    """The newest usable adapters of the own genre, the pool and the nearest others, best first.

    `half` is left as it was.
    """
    fresh = half.weights()
    usable = _usable(store, order, fresh)
    glanced = [_control(half, *each, held_out[:GLANCE], order.recipe.batch) for each in usable]
    near = sorted(
        (each for each in glanced if each.genre not in (order.genre, POOLED)),
        key=lambda each: each.loss,
    )
    chosen = {order.genre, POOLED, *(each.genre for each in near[:NEAREST])}
    measured = [
        _control(half, adapter, weights, held_out, order.recipe.batch)
        for adapter, weights in usable
        if adapter.name.genre in chosen
    ]
    half.load(fresh)
    return sorted(measured, key=lambda each: each.loss)


def _control(
    half: TopHalf,
    adapter: Adapter,
    weights: Mapping[str, torch.Tensor],
    held_out: Sequence[Lowered],
    batch: int,
) -> Control:
    half.load(weights)
    loss = half.loss(held_out, batch)
    return Control(name=str(adapter.name), genre=adapter.name.genre, loss=loss, weights=weights)


def start_of(controls: Sequence[Control], base_loss: float) -> Control | None:
    """The nearest adapter, to go on from; None where none is better than the base model."""
    near = [each for each in controls if each.loss < base_loss]
    return near[0] if near else None


def _usable(
    store: AdapterStore, order: Order, fresh: Mapping[str, torch.Tensor]
) -> list[tuple[Adapter, dict[str, torch.Tensor]]]:
    """Those that fit and are not another tenant's, with their weights by peft's names."""
    usable = []
    for genre in sorted({name.genre for name in store.names()}):
        newest = store.newest(genre)
        try:
            adapter = store.verified(newest) if newest else None
        except ModelError:  # of another base, or damaged: no control
            continue
        if adapter and adapter.card.tenant in (None, order.tenant):
            scale = order.recipe.alpha / order.recipe.rank
            weights = widened(adapter, fresh) if adapter.scaling == scale else None
            if weights is not None:
                usable.append((adapter, weights))
    return usable


def widened(adapter: Adapter, fresh: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor] | None:
    """The weights of an adapter in the ranks of a fresh one, as which it computes the same.

    A rank that it lacks is the fresh one's, which adds nothing before it is trained. None where the
    adapter has other sites, or more ranks.
    """
    keys = {key_of(site, half) for site in adapter.tensors for half in "AB"}
    if keys != fresh.keys():
        return None
    weights = {}
    for site, (low, high) in adapter.tensors.items():
        wide_low, wide_high = fresh[key_of(site, "A")], fresh[key_of(site, "B")]
        rank, ranks = len(low), len(wide_low)
        if rank > ranks:
            return None
        weights[key_of(site, "A")] = torch.cat([torch.from_numpy(low), wide_low[rank:]])
        nothing = torch.zeros(len(wide_high), ranks - rank)
        weights[key_of(site, "B")] = torch.cat([torch.from_numpy(high), nothing], 1)
    return weights
