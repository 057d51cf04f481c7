"""The base model's matrices: exact in fp32, or fast in int8.

Fast: weights in 8 bits a channel, activations scaled by each row's own maximum, so that a row's
numbers do not depend on its neighbours. Processors without VNNI add products of 8-bit weights and
8-bit activations up in 16 bits, which overflow: there an activation is written in two 7-bit digits,
x = high + low / 126, and a row is multiplied as two rows. With VNNI one 8-bit digit is enough for
query, key, value, gate and up; what attention and the gate of an MLP give, and the last hidden
state, keep two: in one digit they cost 2 % of perplexity.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable

import torch
from torch.nn import functional

Linear = Callable[[torch.Tensor], torch.Tensor]
"""[rows, inputs] -> [rows, outputs], a new tensor."""

WEIGHT_LEVELS = 127  # on each side of 0
WIDE, NARROW = 127, 63  # of an activation: narrow ones cannot overflow, 2 * 127 * 127 < 2**15
SMALLEST = 1e-30  # a row of zeros is divided by this


def activation_levels() -> int:
    """What this processor multiplies without overflow."""
    return WIDE if torch.cpu.get_capabilities().get("avx512_vnni") else NARROW


class Exact:
    """fp32."""

    def __init__(self, weight: torch.Tensor, bias: torch.Tensor | None = None) -> None:
        self._weight, self._bias = weight, bias

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """[rows, inputs] -> [rows, outputs]"""
        return functional.linear(x, self._weight, self._bias)


class Fast:
    """int8 by FBGEMM; `digits` is 1, or 2 for inputs with heavy tails and with narrow levels."""

    def __init__(
        self,
        weight: torch.Tensor,
        bias: torch.Tensor | None = None,
        *,
        digits: int = 1,
        levels: int | None = None,
    ) -> None:
        scale = (weight.abs().amax(1) / WEIGHT_LEVELS).clamp_min(SMALLEST).double()
        zero = torch.zeros(len(weight), dtype=torch.long)
        with warnings.catch_warnings():
            # torch means to move quantised tensors elsewhere; the pinned 2.13 has nothing as fast.
            warnings.filterwarnings("ignore", "torch.quantize_per", UserWarning)
            quantized = torch.quantize_per_channel(weight, scale, zero, 0, torch.qint8)
        self._packed = torch.ops.quantized.linear_prepack(quantized, None)
        self._levels = levels or activation_levels()
        self._bias, self._digits = bias, digits if self._levels == WIDE else 2

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """[rows, inputs] -> [rows, outputs]"""
        scale = x.abs().amax(-1, keepdim=True).clamp_min_(SMALLEST)
        y = self._multiplied(x / scale).mul_(scale)
        return y if self._bias is None else y.add_(self._bias)

    def _multiplied(self, x: torch.Tensor) -> torch.Tensor:
        """`x` lies in [-1, 1]."""
        if self._digits == 1:
            return self.product(x)
        low_digit = 2.0 * self._levels
        high = (x * self._levels).round_().div_(self._levels)
        both = self.product(torch.cat((high, (x - high).mul_(low_digit))))
        return both[: len(x)].add_(both[len(x) :], alpha=1 / low_digit)

    def product(self, x: torch.Tensor) -> torch.Tensor:
        """The matrix alone, for rows in [-1, 1]."""
        y: torch.Tensor = torch.ops.quantized.linear_with_input_q_dq_qweight_dq_output_fp32(
            x, 1 / self._levels, self._levels + 1, self._packed
        )
        return y
