"""Short texts that a tiny model soon learns, and the recipe for it."""

from __future__ import annotations

import random

import torch

from genre_models.corpora import Text
from genre_models.training import Recipe
from genre_models.training.texts.examples import Example

WORDS = ("cat", "dog", "sea", "tree", "moon", "road")
RECIPE = Recipe(batch=4, epochs=2, learning_rate=1e-2)


def texts(number: int, seed: int) -> tuple[Text, ...]:
    chance = random.Random(seed)
    sentences = [
        f"The {chance.choice(WORDS)} saw a {chance.choice(WORDS)} and laughed."
        for _ in range(number)
    ]
    return tuple(
        Text(text=line, genre="joke", family="humour", source="here", document=str(i))
        for i, line in enumerate(sentences)
    )


def mean_loss(model: torch.nn.Module, examples: list[Example]) -> float:
    """Mean over all target tokens by the whole model, one text at a time."""
    losses = []
    for example in examples:
        ids = torch.tensor([example.ids])
        with torch.no_grad():
            scores = model(ids).logits[0, :-1].log_softmax(-1)
        losses += [
            -float(scores[at - 1, ids[0, at]]) for at in range(example.start, len(example.ids))
        ]
    return sum(losses) / len(losses)
