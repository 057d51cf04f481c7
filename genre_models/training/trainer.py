"""The training loop: AdamW, warm-up, decay to zero, early stopping on held-out texts, the best weights kept."""

from __future__ import annotations

import logging
import math
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from peft import get_peft_model_state_dict

from genre_models.training.examples import Example, batches
from genre_models.training.recipe import Recipe
from genre_models.training.top_half import Lowered, TopHalf

log = logging.getLogger(__name__)

CHECKS_AN_EPOCH = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """The best weights by held-out loss: tensors by peft's names, losses in nats a token."""

    tensors: dict[str, torch.Tensor]
    base_loss: float
    loss: float
    epochs: float
    target_tokens: int
    seconds: float


def train(model: Any, training: Sequence[Example], held_out: Sequence[Example], recipe: Recipe) -> Trained:
    """Train one adapter on `model`, which is changed: load it anew for the next. Same texts, recipe and machine: same
    weights."""
    torch.manual_seed(recipe.seed)
    began = time.monotonic()
    half = TopHalf(model, recipe)
    checked = half.lower(held_out)
    with _precision(recipe):
        lowered = half.lower(training)
    log.info("%d texts below the cut after %.0f s", len(lowered), time.monotonic() - began)
    base_loss = loss = _held_out_loss(half, checked, recipe.batch)  # B starts at zero: this is the base model
    best, epochs = _weights(half), 0.0
    steps = math.ceil(len(lowered) / recipe.batch)  # an epoch
    for step in _updates(half, lowered, recipe):
        if step % math.ceil(steps / CHECKS_AN_EPOCH) and step % steps:
            continue
        now = _held_out_loss(half, checked, recipe.batch)
        log.info("epoch %.1f: held-out %.3f, base %.3f, %.0f s", step / steps, now, base_loss, time.monotonic() - began)
        if now < loss:
            loss, best, epochs = now, _weights(half), step / steps
        elif step / steps - epochs >= 1:
            break
    return Trained(
        tensors=best,
        base_loss=base_loss,
        loss=loss,
        epochs=epochs,
        target_tokens=sum(len(item.targets) - item.start + 1 for item in lowered),
        seconds=time.monotonic() - began,
    )


def _updates(half: TopHalf, lowered: Sequence[Lowered], recipe: Recipe) -> Iterator[int]:
    """Make one update after the other; yields how many have been made."""
    weights = [weight for weight in half.peft.parameters() if weight.requires_grad]
    optimiser = torch.optim.AdamW(weights, lr=recipe.learning_rate, weight_decay=0.0)
    total = recipe.epochs * math.ceil(len(lowered) / recipe.batch)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: _rate(step, total, recipe.warm_up))
    for step, batch in enumerate(_shuffled(lowered, recipe), 1):
        with _precision(recipe):
            loss = half.losses(batch).mean()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(weights, recipe.clip)
        optimiser.step()
        schedule.step()
        optimiser.zero_grad()
        yield step


def _precision(recipe: Recipe) -> torch.autocast:
    return torch.autocast("cpu", dtype=torch.bfloat16, enabled=recipe.bf16)


def _rate(step: int, total: int, warm_up: float) -> float:
    """Linear up over the first `warm_up` of all steps, then a straight line to zero."""
    first = max(1, round(warm_up * total))
    return (step + 1) / first if step < first else max(0.0, (total - step) / (total - first))


def _shuffled(lowered: Sequence[Lowered], recipe: Recipe) -> Iterator[list[Lowered]]:
    chance = random.Random(recipe.seed)
    lengths = [len(item.targets) for item in lowered]
    for _ in range(recipe.epochs):
        order = chance.sample(range(len(lowered)), len(lowered))
        buckets = list(batches(order, lengths, recipe.batch))
        chance.shuffle(buckets)
        yield from ([lowered[index] for index in bucket] for bucket in buckets)


@torch.no_grad()
def _held_out_loss(half: TopHalf, checked: Sequence[Lowered], batch: int) -> float:
    """Mean over all target tokens, in nats."""
    order = sorted(range(len(checked)), key=lambda index: len(checked[index].targets))
    losses = [half.losses([checked[index] for index in order[at : at + batch]]) for at in range(0, len(order), batch)]
    return float(torch.cat(losses).mean())


def _weights(half: TopHalf) -> dict[str, torch.Tensor]:
    return {name: weight.detach().clone() for name, weight in get_peft_model_state_dict(half.peft).items()}
