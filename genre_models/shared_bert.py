"""A BERT, and copies of it with other upper layers."""

from __future__ import annotations

import re
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from genre_models.kept_rows import Tokens

if TYPE_CHECKING:
    from torch import Tensor

    from genre_models.bert import Bert

_MOST = 4096  # tokens of which states are kept: 6 MB where they are 384 wide
_LAYER = re.compile(r"encoder\.layer\.(\d+)\.")


class SharedBert:
    """A BERT, and its copies: they share the weights that are not replaced, and what the lower
    layers that both have made of the last texts.

    `wanted` is how many of the last states are told. One thread at a time may use it or a copy.
    """

    def __init__(self, model: Bert, wanted: int = 1, lower: _LowerStates | None = None) -> None:
        self.model = model
        self._wanted, self._lower = wanted, lower
        self._shared: dict[int, _LowerStates] = {}  # with copies, by depth

    def states(
        self, tokens: Sequence[Tokens], mask: Tensor, embed: Callable[[], Tensor]
    ) -> Sequence[Tensor]:
        """The states after each of the last layers, as many as are wanted. `embed` tells what the
        first layer is given for the padded tokens, where lower layers have not read the texts.

        # mask [n, tokens] -> wanted x [n, tokens, width]
        """
        from torch.nn.utils.rnn import pad_sequence

        known = None if self._lower is None else self._lower.of(tokens)
        depth = 0 if self._lower is None or known is None else self._lower.depth
        lowest = embed() if known is None else pad_sequence(known, batch_first=True)
        found: deque[Tensor] = deque(maxlen=self._wanted)
        for at, states in enumerate(through(self.model.layers[depth:], lowest, mask), depth):
            found.append(states)
            if at > depth and at in self._shared:
                self._shared[at].keep(tokens, states)
        return found

    def with_weights(self, weights: Mapping[str, NDArray[np.float32]]) -> SharedBert:
        """A copy with other weights where some are given, in the model's own precision. Raises
        ValueError for weights that the model does not have.
        """
        model, depth = _replaced(self.model, weights), _untouched(weights)
        if not 0 < depth <= len(model.layers) + 1 - self._wanted:
            return SharedBert(model, self._wanted)
        return SharedBert(model, self._wanted, self._shared.setdefault(depth, _LowerStates(depth)))


class _LowerStates:
    """States after the first `depth` layers, of the texts that came last."""

    def __init__(self, depth: int) -> None:
        self.depth = depth
        self._kept: OrderedDict[Tokens, Tensor] = OrderedDict()
        self._held = 0

    def keep(self, tokens: Sequence[Tokens], states: Tensor) -> None:
        """Keep padded states of texts, and forget older ones.  # [n, tokens, width]"""
        for each, row in zip(tokens, states, strict=True):
            if each not in self._kept:
                self._kept[each] = row[: len(each)].clone()  # a view would keep its whole batch
                self._held += len(each)
            self._kept.move_to_end(each)
        while self._held > _MOST:
            oldest, _ = self._kept.popitem(last=False)
            self._held -= len(oldest)

    def of(self, tokens: Sequence[Tokens]) -> list[Tensor] | None:
        """The states of each text [tokens, width]; None where one of them is not kept."""
        if not all(each in self._kept for each in tokens):
            return None
        return [self._kept[each] for each in tokens]


def through(layers: Iterable[Any], states: Tensor, mask: Tensor) -> Iterator[Tensor]:
    """The states, then what each layer in turn makes of them; it attends where the mask is true.

    # [n, tokens, width], [n, tokens]
    """
    attended = None if bool(mask.all()) else mask[:, None, None, :]
    yield states
    for layer in layers:
        states = layer(states, attended)
        yield states


def _untouched(weights: Iterable[str]) -> int:
    """How many of the first layers are as they were where these weights were replaced."""
    layers = [_LAYER.match(name) for name in weights]
    return min((int(each[1]) if each else 0 for each in layers), default=0)


def _replaced(model: Bert, weights: Mapping[str, NDArray[np.float32]]) -> Bert:
    """A copy of the model; nothing is copied that is not replaced."""
    import torch

    held = model.state_dict()
    for name, each in weights.items():
        if name not in held or held[name].shape != each.shape:
            raise ValueError(f"expected weights of the encoder, got {name} {each.shape}")
    shared = {id(each): each for name, each in model.named_parameters() if name not in weights}
    other = deepcopy(model, shared)
    given = {name: torch.from_numpy(each) for name, each in weights.items()}
    alike = {name: each.to(held[name].dtype) for name, each in given.items()}
    other.load_state_dict({**held, **alike}, assign=True)
    return other
