"""The training loop: AdamW, warm-up, decay to zero, early stopping on held-out texts.

The best weights are kept.
"""

from __future__ import annotations

import logging
import math
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from genre_models.training.recipe import Recipe
from genre_models.training.texts.examples import Example, batches
from genre_models.training.top_half import Lowered, TopHalf

log = logging.getLogger(__name__)

# a check costs a fifth of an epoch, and the best one is the last of an epoch: the rate falls
CHECKS_AN_EPOCH = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """The best weights by held-out loss: tensors by peft's names, losses in nats a token.

    `curve` holds (epochs, held-out loss) of every check.
    """

    tensors: dict[str, torch.Tensor]
    base_loss: float
    loss: float
    epochs: float
    target_tokens: int
    seconds: float
    curve: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """How far a training is: updates made, latest mean loss, held-out loss measured last."""

    step: int
    steps: int
    loss: float
    held_out: float
    tokens_per_second: float
    seconds_left: float


def train(
    model: Any, training: Sequence[Example], held_out: Sequence[Example], recipe: Recipe
) -> Trained:
    """Train one adapter on `model`, which is changed: load it anew for the next.

    Same texts, recipe and machine: same weights.
    """
    half = TopHalf(model, recipe)
    return fit(half, half.lower(training), half.lower(held_out), recipe)


def fit(
    half: TopHalf,
    training: Sequence[Lowered],
    held_out: Sequence[Lowered],
    recipe: Recipe,
    *,
    start: Mapping[str, torch.Tensor] | None = None,
    told: Callable[[Check], None] | None = None,
) -> Trained:
    """Train the fresh adapter of `half`, or go on from `start`. `told` hears of every update."""
    began = time.monotonic()
    base_loss = loss = half.loss(held_out, recipe.batch)  # B starts at zero: this is the base model
    if start is not None:
        half.load(start)
        loss = half.loss(held_out, recipe.batch)
    best, epochs, curve = half.weights(), 0.0, [(0.0, loss)]
    steps = math.ceil(len(training) / recipe.batch)  # an epoch
    pace = _Pace(steps * recipe.epochs)
    for step, latest, tokens in _updates(half, training, recipe):
        if told is not None:
            told(pace.check(step, latest, tokens, curve[-1][1]))
        if CHECKS_AN_EPOCH * step // steps == CHECKS_AN_EPOCH * (step - 1) // steps:
            continue
        now = half.loss(held_out, recipe.batch)
        curve.append((step / steps, now))
        log.info(
            "epoch %.1f: held-out %.3f, base %.3f, %.0f s",
            step / steps,
            now,
            base_loss,
            time.monotonic() - began,
        )
        if now < loss:
            loss, best, epochs = now, half.weights(), step / steps
        elif step / steps - epochs >= 1:
            break
    return Trained(
        tensors=best,
        base_loss=base_loss,
        loss=loss,
        epochs=epochs,
        target_tokens=sum(len(item.targets) for item in training),
        seconds=time.monotonic() - began,
        curve=tuple(curve),
    )


class _Pace:
    """Speed and remaining time of a training, from what it has done so far."""

    def __init__(self, steps: int) -> None:
        self._steps = steps
        self._began = time.monotonic()
        self._tokens = 0
        self._loss: float | None = None

    def check(self, step: int, loss: float, tokens: int, held_out: float) -> Check:
        self._tokens += tokens
        self._loss = loss if self._loss is None else 0.9 * self._loss + 0.1 * loss
        spent = max(time.monotonic() - self._began, 1e-6)
        return Check(
            step=step,
            steps=self._steps,
            loss=self._loss,
            held_out=held_out,
            tokens_per_second=self._tokens / spent,
            seconds_left=spent / step * (self._steps - step),
        )


def _updates(
    half: TopHalf, lowered: Sequence[Lowered], recipe: Recipe
) -> Iterator[tuple[int, float, int]]:
    """Make the updates; yields how many so far, the batch's loss and its target tokens."""
    weights = [weight for weight in half.peft.parameters() if weight.requires_grad]
    optimiser = torch.optim.AdamW(weights, lr=recipe.learning_rate, weight_decay=0.0)
    total = recipe.epochs * math.ceil(len(lowered) / recipe.batch)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: _rate(step, total, recipe.warm_up)
    )
    for step, batch in enumerate(_shuffled(lowered, recipe), 1):
        losses, counts = half.losses(batch), torch.cat([item.counts for item in batch])
        loss = (losses * counts).sum() / counts.sum()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(weights, recipe.clip)
        optimiser.step()
        schedule.step()
        optimiser.zero_grad()
        yield step, float(losses.detach().mean()), len(losses)


def _rate(step: int, total: int, warm_up: float) -> float:
    """Linear up over the first `warm_up` of all steps, then a straight line to zero."""
    first = max(1, round(warm_up * total))
    if step < first:
        return (step + 1) / first
    return max(0.0, (total - step) / max(1, total - first))


def _shuffled(lowered: Sequence[Lowered], recipe: Recipe) -> Iterator[list[Lowered]]:
    chance = random.Random(recipe.seed)
    lengths = [len(item.hidden) for item in lowered]
    for _ in range(recipe.epochs):
        order = chance.sample(range(len(lowered)), len(lowered))
        buckets = list(batches(order, lengths, recipe.batch))
        chance.shuffle(buckets)
        yield from ([lowered[index] for index in bucket] for bucket in buckets)
