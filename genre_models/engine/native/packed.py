"""A matrix as decode.c reads it: blocks of 16 outputs, integers in groups of 32 inputs.

A group is least + scale * q. Where every group holds at most 16 evenly spaced values (a model that
was quantised as Q4_0 or Q4_1, like the packaged one), 4 bits hold it without loss; else a byte of 7
bits is taken.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator, Sequence

import torch

from genre_models.engine.native import structs
from genre_models.engine.native.kernel import MOST_ROWS, Kernel, pointer

LANES, GROUP = 16, 32
EXACT = 32  # "bits" of fp32
LOSS = 1e-6  # of the greatest weight: rounding of fp32
AT_ONCE = 1 << 20  # weights that are in fp32 at a time: 4 MB


class Packed:
    """[outputs, inputs] of fp32, or integers; `struct` points into its tensors.

    `weights` are the matrices whose outputs follow each other, all but the last in whole blocks.
    They may be of any type of floating-point numbers, or lie in a mapped file: no copy of one is
    made as a whole.
    """

    def __init__(
        self,
        kernel: Kernel,
        weights: Sequence[torch.Tensor],
        bias: torch.Tensor | None,
        *,
        exact: bool,
    ) -> None:
        self._kernel = kernel
        self.outputs, inputs = sum(map(len, weights)), weights[0].shape[1]
        self._bias = None if bias is None else _padded(bias)
        self._scales: torch.Tensor | None = None
        if exact:
            bits = EXACT
            self._weights = _blocks(weights)
        else:
            bits, self._weights, self._scales = _integers(kernel, weights)
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


def _blocks(weights: Sequence[torch.Tensor]) -> torch.Tensor:
    """fp32 [blocks, inputs, 16]."""
    inputs = weights[0].shape[1]
    blocks = torch.zeros(_blocks_of(weights), inputs, LANES)
    first = 0
    for weight in weights:
        whole, rest = divmod(len(weight), LANES)
        end = first + whole
        blocks[first:end] = weight[: whole * LANES].view(-1, LANES, inputs).transpose(1, 2)
        blocks[end:, :, :rest] = weight[whole * LANES :].T
        first = end
    return blocks


def _blocks_of(weights: Sequence[torch.Tensor]) -> int:
    return sum(-(-len(weight) // LANES) for weight in weights)


def _integers(
    kernel: Kernel, weights: Sequence[torch.Tensor]
) -> tuple[int, torch.Tensor, torch.Tensor]:
    """(bits, weights [block, group, bytes], scales [block, group, 2, 16])."""
    shape = _blocks_of(weights), -(-weights[0].shape[1] // GROUP)
    scales = torch.empty(*shape, 2, LANES)
    lossless = LOSS * max(abs(float(end)) for weight in weights for end in weight.aminmax())
    for bits, tolerance in ((4, lossless), (8, float("inf"))):
        packed = torch.empty(*shape, LANES * GROUP * bits // 8, dtype=torch.uint8)
        if _pack(kernel, weights, bits, tolerance, packed, scales):
            break
    return bits, packed, scales


def _pack(
    kernel: Kernel,
    weights: Sequence[torch.Tensor],
    bits: int,
    tolerance: float,
    packed: torch.Tensor,
    scales: torch.Tensor,
) -> bool:
    """Fill `packed` and `scales`; False where an error exceeds `tolerance`."""
    inputs, at = weights[0].shape[1], 0
    for part in _parts(weights):
        wide = part.float().contiguous()
        numbers = len(wide), inputs, bits, ctypes.c_float(tolerance), torch.get_num_threads()
        if kernel.pack(_at(wide), *numbers, _at(packed[at:]), _at(scales[at:])):
            return False
        at += -(-len(wide) // LANES)
    return True


def _parts(weights: Sequence[torch.Tensor]) -> Iterator[torch.Tensor]:
    """Rows that are few enough to be widened at a time."""
    for weight in weights:
        yield from torch.split(weight, LANES * max(1, AT_ONCE // (LANES * weight.shape[1])))
