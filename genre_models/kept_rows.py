"""Rows that an encoder computes for texts as tokens, the last ones kept."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

log = logging.getLogger(__name__)

Tokens = tuple[int, ...]

_BATCH = 32
# Texts of a batch are padded to its longest: one has at most twice the tokens of another, and
# these more.
_ALIKE = 20
_TOLD = 16  # batches: of very many texts it is said how far they are after so many


class KeptRows:
    """Rows by tokens: equal ones are computed once, and the `most` that came last are kept.

    Genre and harm of a request are read from the same row. `named` is what the log calls texts. Not
    for several threads at a time.
    """

    def __init__(self, most: int, named: str = "texts") -> None:
        self._most, self._named = most, named
        self._kept: OrderedDict[Tokens, NDArray[np.float32]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def of(
        self,
        tokens: Sequence[Tokens],
        encode: Callable[[Sequence[Tokens]], NDArray[np.float32]],
    ) -> NDArray[np.float32]:
        """The rows of texts, at least one, in their order; `encode` is given those that are not
        kept, in batches of like length.  # [n, ...]
        """
        known = {each: self._kept[each] for each in tokens if each in self._kept}
        new = list({each for each in tokens if each not in known})
        for number, indices in enumerate(_batches([len(each) for each in new])):
            if len(new) > _TOLD * _BATCH and number % _TOLD == 0:
                log.info("%d of %d %s", len(known), len(tokens), self._named)
            batch = [new[index] for index in indices]
            known |= zip(batch, encode(batch), strict=True)
        self._keep(known)
        return np.stack([known[each] for each in tokens])

    def _keep(self, known: dict[Tokens, NDArray[np.float32]]) -> None:
        for tokens, row in list(known.items())[-self._most :]:
            self._kept[tokens] = row.copy()  # of its own: a view would keep its whole batch
            self._kept.move_to_end(tokens)
        while len(self._kept) > self._most:
            self._kept.popitem(last=False)


def _batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """The indices of texts of these lengths, shortest first, cut where a text is much longer."""
    batch: list[int] = []
    for index in sorted(range(len(lengths)), key=lengths.__getitem__):
        if len(batch) == _BATCH or (batch and lengths[index] > 2 * lengths[batch[0]] + _ALIKE):
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch
