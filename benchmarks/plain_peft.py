"""The training loop that everybody writes: peft on a causal model, whole batches, all layers."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from typing import Any

import torch
from peft import LoraConfig, get_peft_model
from torch.nn.utils.rnn import pad_sequence

from genre_models.adapters.sites import LINEARS
from genre_models.training.recipe import Recipe
from genre_models.training.texts.examples import Example, batches
from genre_models.training.trainer import CHECKS_AN_EPOCH

IGNORED = -100  # label of tokens that the loss leaves out


def train_plainly(
    model: Any, training: Sequence[Example], held_out: Sequence[Example], recipe: Recipe
) -> float:
    """Held-out loss in nats a token, checked as often as our trainer does.

    The recipe's epochs, rank, rate, batches and warm-up in fp32, the same length buckets; all
    layers get weights.
    """
    torch.manual_seed(recipe.seed)
    config = LoraConfig(
        task_type="CAUSAL_LM", r=recipe.rank, lora_alpha=recipe.alpha, target_modules=list(LINEARS)
    )
    peft: Any = get_peft_model(model, config)
    weights = [weight for weight in peft.parameters() if weight.requires_grad]
    optimiser = torch.optim.AdamW(weights, lr=recipe.learning_rate, weight_decay=0.0)
    steps = math.ceil(len(training) / recipe.batch)
    total, best, step = steps * recipe.epochs, math.inf, 0
    warm = max(1, round(recipe.warm_up * total))
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser,
        lambda at: (at + 1) / warm if at < warm else max(0.0, (total - at) / (total - warm)),
    )
    chance = random.Random(recipe.seed)
    for _ in range(recipe.epochs):
        order = chance.sample(range(len(training)), len(training))
        buckets = list(batches(order, [len(each.ids) for each in training], recipe.batch))
        chance.shuffle(buckets)
        for bucket in buckets:
            step += 1
            peft(**_padded([training[index] for index in bucket])).loss.backward()
            torch.nn.utils.clip_grad_norm_(weights, recipe.clip)
            optimiser.step()
            schedule.step()
            optimiser.zero_grad()
            if CHECKS_AN_EPOCH * step // steps > CHECKS_AN_EPOCH * (step - 1) // steps:
                best = min(best, _loss(peft, held_out, recipe.batch))
    return best


@torch.no_grad()
def _loss(peft: Any, held_out: Sequence[Example], size: int) -> float:
    total, tokens = 0.0, 0
    for bucket in batches(range(len(held_out)), [len(each.ids) for each in held_out], size):
        batch = _padded([held_out[index] for index in bucket])
        count = int((batch["labels"][:, 1:] != IGNORED).sum())
        total, tokens = total + float(peft(**batch).loss) * count, tokens + count
    return total / tokens


def _padded(examples: Sequence[Example]) -> dict[str, torch.Tensor]:
    """Ids, mask and labels, each [rows, tokens]."""
    ids = [torch.tensor(each.ids) for each in examples]
    labels = [
        torch.tensor([IGNORED] * each.start + list(each.ids[each.start :])) for each in examples
    ]
    return {
        "input_ids": pad_sequence(ids, batch_first=True),
        "attention_mask": pad_sequence([torch.ones_like(each) for each in ids], batch_first=True),
        "labels": pad_sequence(labels, batch_first=True, padding_value=IGNORED),
    }
