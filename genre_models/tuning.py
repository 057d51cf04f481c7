"""Tuning the upper layers of a BERT to tell yes from no, or classes apart.

The lower layers stay as they are, so that what they make of each text is computed once. Beside yes
and no, a second head tells the kinds of yes apart: what is learned from that helps on texts by
strangers, too.
"""

from __future__ import annotations

import logging
import math
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy, normalize
from torch.nn.utils.rnn import pad_sequence

from genre_models.bert import Bert
from genre_models.encoder import torch_threads
from genre_models.kept_rows import Tokens
from genre_models.shared_bert import through
from genre_models.tuned import Tuned

log = logging.getLogger(__name__)

SEED = 0  # of batches, heads and dropout: the same requests give the same fit on a machine
_HEAD_RATE = 1e-3
_DECAY, _DROPPED, _STEEPEST = 0.01, 0.1, 1.0
_KIND = 0.3  # of the loss of kinds, beside that of answers
_NONE = -1  # the kind of no
_WARM = 0.06  # of all steps, until the rate is reached; then it falls to nothing
_LENGTH = 6.0  # of embeddings, about that of the mean states of all-MiniLM-L6-v2
_EASY = 0.05  # loss of an answer that is known, so that most epochs need not repeat it
_REPEATED = 0.25  # of such texts, in an epoch
_BATCH = 64  # texts, where nothing is learned
_NEAR = 1024  # texts that those of like length are looked for in: what is padded is computed, too


Embed = Callable[[Tensor], Tensor]
"""What a model's embeddings make of numbered tokens.  # [n, tokens] -> [n, tokens, width]"""


class _Upper(nn.Module):
    """Some layers, and linear heads on the direction of their mean state."""

    def __init__(self, layers: Sequence[nn.Module], width: int, outs: Sequence[int]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)
        self.dropout = nn.Dropout(_DROPPED)
        self.heads = nn.ModuleList([nn.Linear(width, out) for out in outs])

    def forward(self, states: Tensor, mask: Tensor) -> list[Tensor]:
        """What each head says.  # [n, tokens, width], [n, tokens] -> [n, out] each"""
        [states] = deque(through(self.layers, states, mask), maxlen=1)
        means = (states * mask[:, :, None]).sum(1) / mask.sum(1, keepdim=True)
        found = self.dropout(_LENGTH * normalize(means))
        return [head(found) for head in self.heads]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Recipe:
    """How it is learned: by so many upper `layers`, in so many `epochs`, the `loss` of what heads
    say and labels, the highest `rate`, and the texts of a `batch`. A step reads this `share` of the
    tokens of a text, at most `most`, drawn anew each time; the last epoch reads all of them. Where
    `hard` tells the loss of each text, few of those with a small one are repeated (selective
    backprop; Jiang et al. 2019).
    """

    layers: int
    epochs: int
    loss: Callable[[list[Tensor], Tensor], Tensor]
    rate: float
    batch: int
    share: float = 1.0
    most: int | None = None
    hard: Callable[[list[Tensor], Tensor], Tensor] | None = None


def tune(
    model: Bert, tokens: Sequence[Tokens], kinds: NDArray[np.intp], embed: Embed | None = None
) -> Tuned:
    """Tune a copy of the upper layers of `model` on texts whose answer is yes, of one of the
    `kinds` from 0 on, or no: -1. The score is the log-odds of yes. `embed` stands in for the
    model's own embeddings.

    Nobody else may draw from torch's generator meanwhile. Takes all cores: about a hundred short
    texts a second and epoch on two with AVX2.
    """
    embed = embed or model.embedded
    return _tuned(model, embed, tokens, kinds, (1, int(kinds.max()) + 1), ANSWERS)


def tune_classes(model: Bert, tokens: Sequence[Tokens], classes: NDArray[np.intp]) -> Tuned:
    """The same on texts of `classes` from 0 on; the scores are the logits of each."""
    return _tuned(model, model.embedded, tokens, classes, (int(classes.max()) + 1,), CLASSES)


def _tuned(
    model: Bert,
    embed: Embed,
    tokens: Sequence[Tokens],
    labels: NDArray[np.intp],
    outs: Sequence[int],
    recipe: _Recipe,
) -> Tuned:
    """With heads of `outs` outputs, of which the first is kept."""
    lower, layers = model.layers[: -recipe.layers], model.layers[-recipe.layers :]
    with torch_threads(len(os.sched_getaffinity(0))), torch.random.fork_rng(devices=()):
        torch.manual_seed(SEED)
        own = [deepcopy(each).float().requires_grad_() for each in layers]
        upper = _Upper(own, model.sizes.hidden_size, outs)
        states = _states(embed, lower, tokens)
        _learn(upper, states, torch.tensor(labels), recipe)
    first = len(lower)
    head, bias = upper.heads[0].parameters()
    return Tuned(
        weights={
            f"encoder.layer.{first + number}.{name}": each.detach().numpy()
            for number, layer in enumerate(upper.layers)
            for name, each in layer.named_parameters()
        },
        head=(_LENGTH * head.detach()).numpy().T,
        bias=bias.detach().numpy(),
    )


def _learn(upper: _Upper, states: Sequence[Tensor], labels: Tensor, recipe: _Recipe) -> None:
    chance = np.random.default_rng(SEED)
    lengths = np.array([len(each) for each in states])
    losses = np.full(len(states), math.inf)
    optimizer = torch.optim.AdamW(
        [
            {"params": upper.layers.parameters(), "lr": recipe.rate},
            {"params": upper.heads.parameters(), "lr": _HEAD_RATE},
        ],
        weight_decay=_DECAY,
        fused=True,
    )
    upper.train()
    for epoch in range(recipe.epochs):
        rows = np.arange(len(states)) if recipe.hard is None else _unknown(losses, chance)
        batches = [rows[batch] for batch in _batches(lengths[rows], recipe.batch, chance)]
        total = 0.0
        for number, batch in enumerate(batches):
            pace = _pace(epoch * len(batches) + number, recipe.epochs * len(batches))
            for group, rate in zip(optimizer.param_groups, (recipe.rate, _HEAD_RATE), strict=True):
                group["lr"] = rate * pace
            read = [states[row] for row in batch]
            if epoch + 1 < recipe.epochs:
                read = [_some(each, recipe, chance) for each in read]
            told = upper(*_padded([each.float() for each in read]))
            loss = recipe.loss(told, labels[batch])
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(upper.parameters(), _STEEPEST)
            optimizer.step()
            if recipe.hard is not None:
                losses[batch] = recipe.hard(told, labels[batch]).detach().numpy()
            total += loss.item() * len(batch)
        mean = total / max(1, len(rows))
        log.info("epoch %d of %d: loss %.3f", epoch + 1, recipe.epochs, mean)


def _pace(step: int, steps: int) -> float:
    """The part of the highest rate that a step has."""
    return min((step + 1) / (_WARM * steps + 1), 1 - step / steps)


def _unknown(losses: NDArray[np.float64], chance: Any) -> NDArray[np.intp]:
    """Texts whose answer is not known, and some of the others."""
    return np.flatnonzero((losses >= _EASY) | (chance.random(len(losses)) < _REPEATED))


def _answered(told: list[Tensor], kinds: Tensor) -> Tensor:
    odds, logits = told
    is_yes = kinds != _NONE
    loss = binary_cross_entropy_with_logits(odds[:, 0], is_yes.float())
    if is_yes.any():
        loss = loss + _KIND * cross_entropy(logits[is_yes], kinds[is_yes])
    return loss


def _unsure(told: list[Tensor], kinds: Tensor) -> Tensor:
    """The loss of each answer, without its kind's."""
    yes = (kinds != _NONE).float()
    return binary_cross_entropy_with_logits(told[0][:, 0], yes, reduction="none")


def _classified(told: list[Tensor], classes: Tensor) -> Tensor:
    return cross_entropy(told[0], classes)


# Of six layers. Told apart at .03 of look-alikes of six authors who were left out in turn: .45 of
# harm with two, .48 with three, .53 with four, .51 with six (three epochs at half the rate); three
# at this rate and for four epochs .51, four for five .53. With a share of tokens and a quarter of
# what is known repeated, three layers told as much of three authors (.62) in .8 of the time. Where
# what has a loss of .2 was known and a fifth of it repeated, four layers told .68 of seven authors
# in .6 of the time; with all repeated .71, as in eight epochs; six layers with rates that fall by a
# fifth a layer .70, twice the dropout .67, a half of the examples .57.
ANSWERS = _Recipe(layers=4, epochs=4, loss=_answered, rate=4e-4, batch=64, share=0.8, hard=_unsure)
CLASSES = _Recipe(layers=3, epochs=4, loss=_classified, rate=3e-4, batch=32, most=64)


def _some(states: Tensor, recipe: _Recipe, chance: Any) -> Tensor:
    """Some states, drawn at random; order does not count, as each knows its position."""
    count = math.ceil(recipe.share * len(states))
    if recipe.most is not None:
        count = min(count, recipe.most)
    return states if count == len(states) else states[chance.permutation(len(states))[:count]]


@torch.no_grad()
def _states(embed: Embed, layers: Iterable[nn.Module], tokens: Sequence[Tokens]) -> list[Tensor]:
    """What the embeddings and some layers make of each text, in half of the precision.

    # n x [tokens, width]
    """
    found: dict[int, Tensor] = {}
    order = sorted(range(len(tokens)), key=lambda row: len(tokens[row]))
    for start in range(0, len(order), _BATCH):
        rows = order[start : start + _BATCH]
        ids, mask = _padded([torch.tensor(tokens[row]) for row in rows])
        [states] = deque(through(layers, embed(ids), mask), maxlen=1)
        found |= {
            row: each[kept].half() for row, each, kept in zip(rows, states, mask, strict=True)
        }
    return [found[row] for row in range(len(tokens))]


def _padded(rows: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Rows of texts in one tensor, and where a text has some."""
    lengths = torch.tensor([len(each) for each in rows])
    mask = torch.arange(int(lengths.max())) < lengths[:, None]
    return pad_sequence(list(rows), batch_first=True), mask


def _batches(lengths: NDArray[np.intp], size: int, chance: Any) -> Iterator[list[int]]:
    """All rows, in random batches of texts of like length."""
    order = chance.permutation(len(lengths)).tolist()
    batches = []
    for start in range(0, len(order), _NEAR):
        near = sorted(order[start : start + _NEAR], key=lengths.__getitem__)
        batches += [near[at : at + size] for at in range(0, len(near), size)]
    for at in chance.permutation(len(batches)):
        yield batches[at]
