"""Tuning the upper layers of a BERT to a question that is answered with yes or no.

The lower layers stay as they are, so that what they make of each text is computed once. A second
head tells the kinds of yes apart: what is learned from that helps on texts by strangers, too.
"""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Iterator, Sequence
from copy import deepcopy
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy, normalize
from torch.nn.utils.rnn import pad_sequence

from genre_models.encoder import torch_threads
from genre_models.kept_rows import Tokens
from genre_models.tuned import Tuned

log = logging.getLogger(__name__)

# Of six layers. Told apart at .03 of look-alikes of six authors who were left out in turn: .45 of
# harm with two, .48 with three, .53 with four, .51 with six (three epochs at half the rate); three
# at this rate and for four epochs .51, four for five .53.
LAYERS, EPOCHS = 3, 4
SEED = 0  # of batches, heads and dropout: the same requests give the same fit on a machine
_RATE, _HEAD_RATE = 4e-4, 1e-3
_DECAY, _DROPPED, _STEEPEST = 0.01, 0.1, 1.0
_KIND = 0.3  # of the loss of kinds, beside that of answers
_NONE = -1  # the kind of no
_WARM = 0.06  # of all steps, until the rate is reached; then it falls to nothing
_LENGTH = 6.0  # of embeddings, about that of the mean states of all-MiniLM-L6-v2
_BATCH = 64  # texts
_NEAR = 16  # batches that texts of like length are looked for in: what is padded is computed, too


class _Upper(nn.Module):
    """Some layers, and two linear heads on the direction of their mean state."""

    def __init__(self, layers: Sequence[nn.Module], width: int, kinds: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)
        self.dropout = nn.Dropout(_DROPPED)
        self.head, self.kinds = nn.Linear(width, 1), nn.Linear(width, kinds)
        for layer in layers:  # a tenth of the time, for attention alone
            layer.attention.self.dropout.p = 0.0  # type: ignore[union-attr]

    def forward(self, states: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Log-odds of yes, logits of kinds.  # [n, tokens, width], [n, tokens] -> [n], [n, k]"""
        states = _through(self.layers, states, mask)
        means = (states * mask[:, :, None]).sum(1) / mask.sum(1, keepdim=True)
        found = self.dropout(_LENGTH * normalize(means))
        return self.head(found)[:, 0], self.kinds(found)


def tune(model: Any, tokens: Sequence[Tokens], kinds: NDArray[np.intp]) -> Tuned:
    """Tune a copy of the upper layers of `model`, a transformers BertModel, on texts whose answer
    is yes, of one of the `kinds` from 0 on, or no: -1.

    Nobody else may draw from torch's generator meanwhile. Takes all cores: about a hundred texts a
    second and epoch on two with AVX2.
    """
    lower, layers = model.encoder.layer[:-LAYERS], model.encoder.layer[-LAYERS:]
    chance = np.random.default_rng(SEED)
    with torch_threads(len(os.sched_getaffinity(0))), torch.random.fork_rng(devices=()):
        torch.manual_seed(SEED)
        width, count = model.config.hidden_size, int(kinds.max()) + 1
        upper = _Upper([deepcopy(each) for each in layers], width, count)
        states = _states(model.embeddings, lower, tokens)
        _learn(upper, states, torch.tensor(kinds), chance)
    first = len(lower)
    return Tuned(
        weights={
            f"encoder.layer.{first + number}.{name}": each.detach().numpy()
            for number, layer in enumerate(upper.layers)
            for name, each in layer.named_parameters()
        },
        head=_LENGTH * upper.head.weight.detach().numpy()[0],
        bias=float(upper.head.bias.detach()[0]),
    )


def _learn(upper: _Upper, states: Sequence[Tensor], kinds: Tensor, chance: Any) -> None:
    steps = EPOCHS * math.ceil(len(states) / _BATCH)
    optimizer = torch.optim.AdamW(
        [
            {"params": upper.layers.parameters(), "lr": _RATE},
            {"params": upper.head.parameters(), "lr": _HEAD_RATE},
            {"params": upper.kinds.parameters(), "lr": _HEAD_RATE},
        ],
        weight_decay=_DECAY,
        fused=True,
    )
    rate = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min((step + 1) / (_WARM * steps + 1), 1 - step / steps)
    )
    upper.train()
    for epoch in range(EPOCHS):
        losses = 0.0
        for rows in _batches([len(each) for each in states], chance):
            loss = _loss(upper, *_padded([states[row].float() for row in rows]), kinds[rows])
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(upper.parameters(), _STEEPEST)
            optimizer.step()
            rate.step()
            losses += loss.item() * len(rows)
        log.info("epoch %d of %d: loss %.3f", epoch + 1, EPOCHS, losses / len(states))


def _loss(upper: _Upper, states: Tensor, mask: Tensor, kinds: Tensor) -> Tensor:
    odds, logits = upper(states, mask)
    is_yes = kinds != _NONE
    loss = binary_cross_entropy_with_logits(odds, is_yes.float())
    if is_yes.any():
        loss = loss + _KIND * cross_entropy(logits[is_yes], kinds[is_yes])
    return loss


@torch.no_grad()
def _states(
    embeddings: nn.Module, layers: Sequence[nn.Module], tokens: Sequence[Tokens]
) -> list[Tensor]:
    """What the embeddings and some layers make of each text, in half of the precision.

    # n x [tokens, width]
    """
    found: dict[int, Tensor] = {}
    order = sorted(range(len(tokens)), key=lambda row: len(tokens[row]))
    for start in range(0, len(order), _BATCH):
        rows = order[start : start + _BATCH]
        ids, mask = _padded([torch.tensor(tokens[row]) for row in rows])
        states = _through(layers, embeddings(input_ids=ids), mask)
        found |= {
            row: each[kept].half() for row, each, kept in zip(rows, states, mask, strict=True)
        }
    return [found[row] for row in range(len(tokens))]


def _through(layers: Sequence[nn.Module] | nn.ModuleList, states: Tensor, mask: Tensor) -> Tensor:
    """States after some layers, which attend where the mask is true."""
    hidden = torch.zeros(mask.shape).masked_fill(~mask, torch.finfo(torch.float32).min)
    for layer in layers:
        states = layer(states, hidden[:, None, None, :])
    return states


def _padded(rows: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Rows of texts in one tensor, and where a text has some."""
    lengths = torch.tensor([len(each) for each in rows])
    mask = torch.arange(int(lengths.max())) < lengths[:, None]
    return pad_sequence(list(rows), batch_first=True), mask


def _batches(lengths: Sequence[int], chance: Any) -> Iterator[list[int]]:
    """All rows, in random batches of texts of like length."""
    order = chance.permutation(len(lengths)).tolist()
    batches = []
    for start in range(0, len(order), _NEAR * _BATCH):
        near = sorted(order[start : start + _NEAR * _BATCH], key=lengths.__getitem__)
        batches += [near[at : at + _BATCH] for at in range(0, len(near), _BATCH)]
    for at in chance.permutation(len(batches)):
        yield batches[at]
