"""A matrix as decode.c reads it: blocks of 16 outputs, integers in groups of 32 inputs.

A group is least + scale * q. Where every group holds at most 16 evenly spaced values (a model that
was quantised as Q4_0 or Q4_1, like the packaged one), 4 bits hold it without loss; else a byte of 7
bits is taken.
"""

from __future__ import annotations

import ctypes

import torch

from genre_models.engine.native import structs
from genre_models.engine.native.kernel import MOST_ROWS, Kernel, pointer

LANES, GROUP = 16, 32
EXACT = 32  # "bits" of fp32
LOSS = 1e-6  # of the greatest weight: rounding of fp32
AT_ONCE = 4 << 20  # weights that are in fp32 at a time: 16 MB


class Packed:
    """[outputs, inputs] of fp32, or integers; `struct` points into its tensors.

    `weight` may be of any type of floating-point numbers: no fp32 copy of it is made as a whole.
    """

    def __init__(
        self, kernel: Kernel, weight: torch.Tensor, bias: torch.Tensor | None, *, exact: bool
    ) -> None:
        self._kernel, (self.outputs, inputs) = kernel, weight.shape
        self._bias = None if bias is None else _padded(bias)
        self._scales: torch.Tensor | None = None
        if exact:
            bits = EXACT
            self._weights = _blocks(weight)
        else:
            bits, self._weights, self._scales = _integers(kernel, weight)
        self.struct = structs.Matrix(
            bits,
            inputs,
            self.outputs,
            pointer(self._weights),
            pointer(self._scales),
            pointer(self._bias),
        )

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """[rows, inputs] -> [rows, outputs], the matrix alone."""
        x, y = x.contiguous(), torch.empty(len(x), self.outputs)
        for start in range(0, len(x), MOST_ROWS):
            some, to = x[start : start + MOST_ROWS], y[start:]
            threads = torch.get_num_threads()
            if self._kernel.multiply(
                ctypes.byref(self.struct), len(some), threads, _at(some), _at(to)
            ):
                raise MemoryError("expected memory for a product, got none")
        return y


def _at(tensor: torch.Tensor) -> ctypes.c_void_p:
    return ctypes.c_void_p(tensor.data_ptr())


def _padded(tensor: torch.Tensor) -> torch.Tensor:
    """Zeros up to whole blocks of outputs."""
    missing = -len(tensor) % LANES
    return torch.cat((tensor, tensor.new_zeros(missing, *tensor.shape[1:]))) if missing else tensor


def _blocks(weight: torch.Tensor) -> torch.Tensor:
    """fp32 [blocks, inputs, 16]."""
    outputs, inputs = weight.shape
    blocks = torch.zeros(-(-outputs // LANES), inputs, LANES)
    whole = outputs // LANES
    blocks[:whole] = weight[: whole * LANES].view(-1, LANES, inputs).transpose(1, 2)
    blocks[whole:, :, : outputs % LANES] = weight[whole * LANES :].T
    return blocks


def _integers(kernel: Kernel, weight: torch.Tensor) -> tuple[int, torch.Tensor, torch.Tensor]:
    """(bits, weights [block, group, bytes], scales [block, group, 2, 16])."""
    outputs, inputs = weight.shape
    shape = -(-outputs // LANES), -(-inputs // GROUP)
    scales = torch.empty(*shape, 2, LANES)
    lossless = LOSS * max(abs(float(end)) for end in weight.aminmax())
    for bits, tolerance in ((4, lossless), (8, float("inf"))):
        packed = torch.empty(*shape, LANES * GROUP * bits // 8, dtype=torch.uint8)
        if _pack(kernel, weight, bits, tolerance, packed, scales):
            break
    return bits, packed, scales


def _pack(
    kernel: Kernel,
    weight: torch.Tensor,
    bits: int,
    tolerance: float,
    packed: torch.Tensor,
    scales: torch.Tensor,
) -> bool:
    """Fill `packed` and `scales`; False where an error exceeds `tolerance`."""
    inputs = weight.shape[1]
    blocks = max(1, AT_ONCE // (LANES * inputs))
    for start in range(0, len(packed), blocks):
        part = weight[start * LANES : (start + blocks) * LANES].float().contiguous()
        numbers = len(part), inputs, bits, ctypes.c_float(tolerance), torch.get_num_threads()
        if kernel.pack(_at(part), *numbers, _at(packed[start:]), _at(scales[start:])):
            return False
    return True
