"""Perplexity of held-out texts by genre: under the base model and under adapters."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence

from genre_models.adapters import AdapterName, AdapterStore
from genre_models.adapters.name import POOLED
from genre_models.training.gate.controls import widened
from genre_models.training.recipe import Recipe
from genre_models.training.texts.examples import Example
from genre_models.training.top_half import Lowered, TopHalf

GLANCE = 8  # held-out texts by which the nearest wrong genre is found

Figures = dict[str, float | None]


def perplexities(
    half: TopHalf,
    recipe: Recipe,
    store: AdapterStore,
    adapters: Mapping[str, AdapterName],
    held_out: Mapping[str, Sequence[Example]],
    others: Mapping[str, Collection[str]],
) -> Iterator[tuple[str, Figures]]:
    """By genre: base, own adapter, pooled, and the nearest of its `others`; None for what is not.

    `half` is of `recipe`, without an adapter, and so is it left.
    """
    fresh = half.weights()
    weights = {genre: widened(store.verified(name), fresh) for genre, name in adapters.items()}

    def perplexity(adapter: str | None, texts: Sequence[Lowered]) -> float | None:
        loaded = fresh if adapter is None else weights.get(adapter)
        if loaded is None:
            return None
        half.load(loaded)
        return math.exp(half.loss(texts, recipe.batch))

    for genre, examples in held_out.items():
        lowered = half.lower(examples)
        glanced = {
            other: found
            for other in others[genre]
            if (found := perplexity(other, lowered[:GLANCE])) is not None
        }
        nearest = min(glanced, key=lambda other: (glanced[other], other), default="")
        yield (
            genre,
            {
                "ppl_adapter": perplexity(genre, lowered),
                "ppl_wrong": perplexity(nearest, lowered),
                "ppl_base": perplexity(None, lowered),
                "ppl_pooled": perplexity(POOLED, lowered),
            },
        )
    half.load(fresh)
