"""A BERT, and copies of it with other upper layers."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
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

    `told` is how many of the last states are wanted. Not for several threads at a time, nor copies.
    """

    def __init__(self, model: Bert, told: int = 1, lower: _LowerStates | None = None) -> None:
        self.model = model
        self._told, self._lower = told, lower
        self._shared: dict[int, _LowerStates] = {}  # with copies, by depth

    def states(
        self, tokens: Sequence[Tokens], mask: Tensor, embed: Callable[[], Tensor]
    ) -> Sequence[Tensor]:
        """The states after each of the last layers, as many as are told. `embed` tells what the
        first layer is given for the padded tokens, where lower layers have not read the texts.

        # mask [n, tokens] -> told x [n, tokens, width]
        """
        from torch.nn.utils.rnn import pad_sequence

        layers = self.model.layers
        if self._lower is not None and (kept := self._lower.of(tokens)) is not None:
            lowest = pad_sequence(kept, batch_first=True)
            return through(layers[self._lower.depth :], lowest, mask)[-self._told :]
        states = through(layers, embed(), mask)
        for shared in self._shared.values():
            shared.keep(tokens, states[shared.depth])
        return states[-self._told :]

    def with_weights(self, weights: Mapping[str, NDArray[np.float32]]) -> SharedBert:
        """A copy with other weights where some are given, in the model's own precision. Raises
        ValueError for weights that the model does not have.
        """
        model, depth = _replaced(self.model, weights), _untouched(weights)
        if not 0 < depth <= len(model.layers) + 1 - self._told:
            return SharedBert(model, self._told)
        return SharedBert(model, self._told, self._shared.setdefault(depth, _LowerStates(depth)))


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
        while self._held > _MOST:
            oldest, _ = self._kept.popitem(last=False)
            self._held -= len(oldest)

    def of(self, tokens: Sequence[Tokens]) -> list[Tensor] | None:
        """The states of each text [tokens, width]; None where one of them is not kept."""
        found = [self._kept[each] for each in tokens if each in self._kept]
        return found if len(found) == len(tokens) else None


def through(layers: Iterable[Any], states: Tensor, mask: Tensor) -> list[Tensor]:
    """The states, and what each layer in turn makes of them; it attends where the mask is true.

    # [n, tokens, width], [n, tokens]
    """
    attended = None if bool(mask.all()) else mask[:, None, None, :]
    found = [states]
    for layer in layers:
        found.append(layer(found[-1], attended))
    return found


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
