"""`Llama` by the C kernel: one call a step; a row depends on no neighbour and no number of rows."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import torch

from genre_models.engine.linear import Linear
from genre_models.engine.llama import EMBEDDING, HEAD, Layer, Llama, Shape
from genre_models.engine.mixture import Blend, Weights, check_width
from genre_models.engine.native import Kernel, structs
from genre_models.engine.native.kernel import MOST_ROWS, pointer
from genre_models.engine.native.packed import LANES, Packed
from genre_models.engine.native.reader import NativeReader
from genre_models.engine.tensors import Tensors


def fits(config: Any) -> bool:
    """Whether every linear's outputs fill whole blocks."""
    shape = Shape.of(config)
    outputs = (
        shape.hidden,
        shape.width * shape.heads,
        shape.width * shape.key_heads,
        config.intermediate_size,
    )
    return all(size % LANES == 0 for size in outputs)


class NativeLlama(Llama):
    """A `Model`; matrices in fp32, or `fast` in integers."""

    multiple = 1

    def __init__(
        self, kernel: Kernel, base: Path, config: Any, *, slots: int, context: int, fast: bool
    ) -> None:
        self._kernel, self.reader = kernel, NativeReader(kernel)
        super().__init__(base, config, slots=slots, context=context, fast=fast)
        self._flat_turns = torch.view_as_real(self._turns).contiguous()
        self._structs = (structs.Layer * len(self._layers))(
            *(
                self._struct(layer, both)
                for layer, both in zip(self._layers, self.slots.layers, strict=True)
            )
        )
        shape = self._shape
        self._model = structs.Model(
            shape.layers, shape.hidden, shape.heads, shape.key_heads, shape.width,
            config.intermediate_size, self._head_matrix.outputs, self.slots.capacity, shape.eps,
            pointer(self._flat_turns), pointer(self._norm),
            self._rows.struct, self._head_matrix.struct, self._structs,
        )  # fmt: skip
        self._tables: WeakKeyDictionary[Weights, Any] = WeakKeyDictionary()
        self._blends: Sequence[Blend] = ()

    def mix(self, rows: Sequence[Blend]) -> None:
        """See Model."""
        self._blends = rows

    def decode(self, tokens: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
        """See Model."""
        slots = torch.arange(len(tokens))
        logits = torch.empty(len(tokens), self._head_matrix.outputs)
        for start in range(0, len(tokens), MOST_ROWS):
            some = slice(start, start + MOST_ROWS)
            self._step(
                tokens[some], positions[some], slots[some], self._blends[some], 0, logits[some]
            )
        return logits

    def prefill(
        self, tokens: torch.Tensor, slot: int, start: int, blend: Blend, *, every: bool = False
    ) -> torch.Tensor:
        """See Model."""
        number = len(tokens)
        positions, slots = torch.arange(start, start + number), torch.full((number,), slot)
        logits = torch.empty(number if every else 1, self._head_matrix.outputs)
        for begin in range(0, number, MOST_ROWS):
            some = slice(begin, min(begin + MOST_ROWS, number))
            size = some.stop - begin
            first = 0 if every else size - (some.stop == number)
            to = logits[some] if every else logits
            self._step(tokens[some], positions[some], slots[some], [blend] * size, first, to)
        return logits

    def _step(
        self,
        tokens: torch.Tensor,
        positions: torch.Tensor,
        slots: torch.Tensor,
        blends: Sequence[Blend],
        first: int,
        logits: torch.Tensor,
    ) -> None:
        """One call of the kernel; `logits` takes those of the rows from `first` on.

        Raises ModelError for a blend that is too wide.
        """
        for blend in set(blends):
            check_width(blend)
        numbers = [tensor.to(torch.int32).contiguous() for tensor in (tokens, positions, slots)]
        ordered = dict.fromkeys(weights for blend in blends for weights, _ in blend)
        distinct = {weights: index for index, weights in enumerate(ordered)}
        ends = torch.tensor([0, *(len(blend) for blend in blends)]).cumsum(0).to(torch.int32)
        pairs = [pair for blend in blends for pair in blend]
        used = torch.tensor([distinct[weights] for weights, _ in pairs], dtype=torch.int32)
        shares = torch.tensor([share for _, share in pairs], dtype=torch.float32)
        adapters = (structs.Adapter * len(distinct))(
            *(structs.Adapter(weights.rank, self._table(weights)) for weights in distinct)
        )
        step = structs.Step(
            len(blends),
            *map(pointer, numbers),
            adapters,
            pointer(ends),
            pointer(used),
            pointer(shares),
        )
        failed = self._kernel.forward(
            ctypes.byref(self._model), ctypes.byref(step), first, torch.get_num_threads(),
            structs.POINTER(logits.data_ptr()),
        )  # fmt: skip
        if failed:
            raise MemoryError("expected memory for a step of the model, got none")

    def _table(self, weights: Weights) -> Any:
        """Where an adapter's tensors lie: [layer, 7 sites, 2]."""
        if weights not in self._tables:
            addresses: list[int | None] = []
            for layer in self._layers:
                for _, site in (layer.qkv, layer.out, layer.gate_up, layer.down):
                    for path, _ in site.parts:
                        addresses += map(pointer, weights.sites.get(path, (None, None)))
            self._tables[weights] = (structs.POINTER * len(addresses))(*addresses)
        return self._tables[weights]

    def _read_ends(self, tensors: Tensors, *, tied: bool) -> None:
        def packed(name: str) -> Packed:
            return Packed(self._kernel, [tensors.stored(name)], None, exact=not self._fast)

        self._rows = packed(EMBEDDING)
        self._head_matrix = self._rows if tied else packed(HEAD)

    def _linear(
        self, weights: Sequence[torch.Tensor], bias: torch.Tensor | None, digits: int = 1
    ) -> Linear:
        return Packed(self._kernel, weights, bias, exact=not self._fast)

    def _struct(self, layer: Layer, both: torch.Tensor) -> structs.Layer:
        norms = (layer.attention_norm, layer.mlp_norm, layer.query_norm, layer.key_norm)
        matrices = (
            _packed(matrix).struct
            for matrix, _ in (layer.qkv, layer.out, layer.gate_up, layer.down)
        )
        return structs.Layer(*map(pointer, norms), *matrices, pointer(both[0]), pointer(both[1]))


def _packed(linear: Linear) -> Packed:
    assert isinstance(linear, Packed)
    return linear
