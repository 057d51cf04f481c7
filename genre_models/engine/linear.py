"""The base model's matrices: exact in fp32, or fast in int8.

Fast: weights in 7 bits a channel (8 would overflow the 16-bit sums of processors without VNNI), activations in 8 bits
scaled by each row's own maximum, so that a row's numbers do not depend on its neighbours. Where inputs have heavy tails
(after the gate of an MLP) a row is written in two digits, x = high + low / 254, and multiplied as two rows.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable

import torch
from torch.nn import functional

Linear = Callable[[torch.Tensor], torch.Tensor]
"""[rows, inputs] -> [rows, outputs], a new tensor."""

LEVELS = 127  # of an 8-bit activation on each side of 0
WEIGHT_LEVELS = 63
SMALLEST = 1e-30  # a row of zeros is divided by this
LOW_DIGIT = 2.0 * LEVELS


class Exact:
    """fp32."""

    def __init__(self, weight: torch.Tensor, bias: torch.Tensor | None = None) -> None:
        self._weight, self._bias = weight, bias

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """[rows, inputs] -> [rows, outputs]"""
        return functional.linear(x, self._weight, self._bias)


class Fast:
    """int8 by FBGEMM; `digits` is 1, or 2 for inputs with heavy tails."""

    def __init__(self, weight: torch.Tensor, bias: torch.Tensor | None = None, *, digits: int = 1) -> None:
        scale = (weight.abs().amax(1) / WEIGHT_LEVELS).clamp_min(SMALLEST).double()
        zero = torch.zeros(len(weight), dtype=torch.long)
        with warnings.catch_warnings():
            # torch means to move quantised tensors elsewhere; 2.13, which is pinned, has nothing as fast.
            warnings.filterwarnings("ignore", "torch.quantize_per", UserWarning)
            quantized = torch.quantize_per_channel(weight, scale, zero, 0, torch.qint8)
        self._packed = torch.ops.quantized.linear_prepack(quantized, None)
        self._bias, self._digits = bias, digits

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """[rows, inputs] -> [rows, outputs]"""
        scale = x.abs().amax(-1, keepdim=True).clamp_min_(SMALLEST)
        y = self._multiplied(x / scale).mul_(scale)
        return y if self._bias is None else y.add_(self._bias)

    def _multiplied(self, x: torch.Tensor) -> torch.Tensor:
        """`x` lies in [-1, 1]."""
        if self._digits == 1:
            return self._product(x)
        high = (x * LEVELS).round_().div_(LEVELS)
        both = self._product(torch.cat((high, (x - high).mul_(LOW_DIGIT))))
        return both[: len(x)].add_(both[len(x) :], alpha=1 / LOW_DIGIT)

    def _product(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = torch.ops.quantized.linear_with_input_q_dq_qweight_dq_output_fp32(
            x, 1 / LEVELS, LEVELS + 1, self._packed
        )
        return y
