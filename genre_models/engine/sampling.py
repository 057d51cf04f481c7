"""Choosing the next token of each row, from that row's logits, seed and position alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch

from genre_models.engine.generation import TOP_K

FAVOUR = 2.0  # nats: an end that is a seventh as likely as what goes on becomes as likely


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One chosen token and its natural log-probability at temperature 1.

    In its place stands None where the logits are not finite.
    """

    token: int
    logprob: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How one row samples at one position (tokens written so far), and what it has written.

    The logits of `favoured` tokens are `FAVOUR` higher.
    """

    temperature: float
    top_p: float
    seed: int
    position: int
    min_p: float = 0.0
    repetition_penalty: float = 1.0
    written: frozenset[int] = frozenset()
    favoured: frozenset[int] = frozenset()


Likeliest = tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]


class Reader(Protocol):
    """What reads logits [rows, vocab], each row on its own."""

    def totals(self, logits: torch.Tensor) -> list[float]:
        """Log-sum-exp of each row; not finite where a logit is not."""

    def likeliest(self, logits: torch.Tensor, count: int) -> Likeliest:
        """The `count` largest (values, tokens) of each row, descending."""


class TorchReader:
    """A `Reader`."""

    def totals(self, logits: torch.Tensor) -> list[float]:
        """See Reader."""
        # one by one: a joint sum is split by rows
        return [float(torch.logsumexp(row, dim=0)) for row in logits]

    def likeliest(self, logits: torch.Tensor, count: int) -> Likeliest:
        """See Reader."""
        best = logits.topk(count)
        return best.values.numpy(), best.indices.numpy()


def choose(logits: torch.Tensor, rows: list[Sampling], reader: Reader) -> list[Choice | None]:
    """One choice for each row of `logits` [rows, vocab]."""
    total = reader.totals(logits)
    values, tokens = _adjusted(logits, rows, reader)
    choices: list[Choice | None] = []
    for row, sampling in enumerate(rows):
        if not np.isfinite(total[row]) or not np.isfinite(values[row, 0]):
            choices.append(None)
            continue
        token = int(tokens[row, _rank(values[row].astype(np.float64), sampling)])
        choices.append(Choice(token=token, logprob=float(logits[row, token]) - total[row]))
    return choices


def _adjusted(logits: torch.Tensor, rows: list[Sampling], reader: Reader) -> Likeliest:
    """The largest 64 (values, tokens), descending, after repetition penalty and favour.

    The penalty divides the logits of written tokens, and multiplies negative ones: CTRL (Keskar
    et al. 2019).
    """
    penalties = [
        (row, token, sampling.repetition_penalty, 0.0)
        for row, sampling in enumerate(rows)
        for token in sampling.written - sampling.favoured
    ]
    favours = [
        (row, token, 1.0, FAVOUR)
        for row, sampling in enumerate(rows)
        for token in sampling.favoured
    ]
    row_of, token_of, penalty, favour = (
        torch.tensor([*penalties, *favours], dtype=torch.float64).view(-1, 4).unbind(1)
    )
    where = row_of.long(), token_of.long()
    before = logits[where]
    penalty, favour = penalty.float(), favour.float()
    logits[where] = torch.where(before > 0, before / penalty, before * penalty) + favour
    best = reader.likeliest(logits, min(TOP_K, logits.shape[-1]))
    logits[where] = before  # a copy would cost more: 3 MB for 16 rows
    return best


def _rank(values: npt.NDArray[np.float64], sampling: Sampling) -> int:
    """Index into the descending `values` that the row's random number falls on."""
    if sampling.temperature <= 0:
        return 0
    weights = np.exp((values - values[0]) / sampling.temperature)
    mass = np.cumsum(weights / weights.sum())
    kept = min(
        int(np.searchsorted(mass, sampling.top_p)) + 1,
        int(np.count_nonzero(weights >= sampling.min_p)),  # the likeliest one's weight is 1
    )
    drawn = uniform(sampling.seed, sampling.position) * mass[min(kept, len(mass)) - 1]
    return min(int(np.searchsorted(mass, drawn, side="right")), len(mass) - 1)


def uniform(seed: int, position: int) -> float:
    """A number in [0, 1) that depends on (seed, position) only: Philox, a counter-based generator.

    >>> uniform(7, 3) == uniform(7, 3) != uniform(7, 4)
    True
    """
    return float(np.random.Generator(np.random.Philox(key=seed % 2**64, counter=position)).random())
