"""What a new adapter must beat on its own held-out texts: the adapters that are there already."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch

from genre_models.adapters import Adapter, AdapterStore
from genre_models.training.order import Order
from genre_models.training.top_half import Lowered, TopHalf
from schemas.errors import ModelError

POOLED = "pooled"  # the genre of an adapter that was trained on equal shares of all genres
MOST = 8  # adapters that are compared: each takes some seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """An adapter and its loss on the held-out texts of the new genre, nats a token."""

    name: str
    genre: str
    loss: float
    weights: Mapping[str, torch.Tensor]


def measure(half: TopHalf, held_out: Sequence[Lowered], store: AdapterStore, order: Order) -> list[Control]:
    """The newest usable adapter of each genre, best first; `half` is left as it was."""
    fresh, measured = half.weights(), []
    for adapter in _usable(store, order, fresh):
        weights = _weights(adapter)
        half.load(weights)
        loss = half.loss(held_out, order.recipe.batch)
        measured.append(Control(name=str(adapter.name), genre=adapter.name.genre, loss=loss, weights=weights))
    half.load(fresh)
    return sorted(measured, key=lambda each: each.loss)


def start_of(controls: Sequence[Control], base_loss: float) -> Control | None:
    """The nearest adapter, to go on from; None where none is better than the base model."""
    near = [each for each in controls if each.genre != POOLED and each.loss < base_loss]
    return near[0] if near else None


def _usable(store: AdapterStore, order: Order, fresh: Mapping[str, torch.Tensor]) -> list[Adapter]:
    """Own genre and pooled first, then the others; of the same shape, and not another tenant's."""
    genres = sorted({name.genre for name in store.names()}, key=lambda each: (each not in (order.genre, POOLED), each))
    shapes = {name: weight.shape for name, weight in fresh.items()}
    usable = []
    for genre in genres[:MOST]:
        newest = store.newest(genre)
        try:
            adapter = store.verified(newest) if newest else None
        except ModelError:  # of another base, or damaged: no control
            continue
        if adapter and adapter.card.tenant in (None, order.tenant) and _shapes(adapter) == shapes:
            usable.append(adapter)
    return usable


def _shapes(adapter: Adapter) -> dict[str, torch.Size]:
    return {name: weight.shape for name, weight in _weights(adapter).items()}


def _weights(adapter: Adapter) -> dict[str, torch.Tensor]:
    """By peft's names, as they were trained: the same alpha and rank are taken for granted by the shapes' check."""
    return {
        f"base_model.model.{site}.lora_{half}.weight": torch.from_numpy(array)
        for site, pair in adapter.tensors.items()
        for half, array in zip("AB", pair, strict=True)
    }
