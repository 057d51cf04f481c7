"""A matrix in the order in which decode.c reads it: blocks of 16 outputs, integers in groups of 32 inputs.

A group is least + scale * q. Where every group holds at most 16 evenly spaced values (a model that was quantised as
Q4_0 or Q4_1, like the packaged one), 4 bits hold it without loss; else 8 bits are taken.
"""

from __future__ import annotations

import ctypes

import torch
from torch.nn import functional

from genre_models.engine.native import structs
from genre_models.engine.native.kernel import MOST_ROWS, Kernel, pointer

LANES, GROUP = 16, 32
EXACT = 32  # "bits" of fp32
LOSS = 1e-6  # of the greatest weight: rounding of fp32


class Packed:
    """[outputs, inputs] of fp32, or integers; `struct` points into its tensors."""

    def __init__(self, kernel: Kernel, weight: torch.Tensor, bias: torch.Tensor | None, *, exact: bool) -> None:
        self._kernel, self.outputs = kernel, len(weight)
        padded = functional.pad(weight, (0, 0, 0, -len(weight) % LANES))
        self._bias = None if bias is None else functional.pad(bias, (0, -len(bias) % LANES))
        self._scales: torch.Tensor | None = None
        if exact:
            bits = EXACT
            self._weights = padded.view(-1, LANES, weight.shape[1]).transpose(1, 2).contiguous()
        else:
            bits, self._weights, self._scales = _integers(functional.pad(padded, (0, -weight.shape[1] % GROUP)))
        self.struct = structs.Matrix(
            bits, weight.shape[1], self.outputs, pointer(self._weights), pointer(self._scales), pointer(self._bias)
        )

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """[rows, inputs] -> [rows, outputs], the matrix alone."""
        x, y = x.contiguous(), torch.empty(len(x), self.outputs)
        for start in range(0, len(x), MOST_ROWS):
            some, to = x[start : start + MOST_ROWS], y[start:]
            self._kernel.multiply(ctypes.byref(self.struct), len(some), torch.get_num_threads(), _at(some), _at(to))
        return y


def _at(tensor: torch.Tensor) -> ctypes.c_void_p:
    return ctypes.c_void_p(tensor.data_ptr())


def _integers(weight: torch.Tensor) -> tuple[int, torch.Tensor, torch.Tensor]:
    """(bits, weights, scales [block, group, 2, 16]) of a padded matrix."""
    groups = weight.view(len(weight), -1, GROUP)
    least = groups.amin(-1, keepdim=True)
    span = groups.amax(-1, keepdim=True) - least
    for bits in (4, 8):
        scale = (span / (2**bits - 1)).clamp_min(1e-30)
        q = ((groups - least) / scale).round_()
        loss = (q * scale).add_(least).sub_(groups).abs_().amax()
        if bits == 8 or loss <= LOSS * groups.abs().amax():
            break
    scales = torch.stack((scale, least))[..., 0].view(2, -1, LANES, groups.shape[1]).permute(1, 3, 0, 2).contiguous()
    return bits, _ordered(q.to(torch.uint8), bits), scales


def _ordered(q: torch.Tensor, bits: int) -> torch.Tensor:
    """[block, group, 4 inputs at a time, output, input]; in 4 bits the second half of a group lies above the first."""
    fours = q.view(-1, LANES, q.shape[1], GROUP // 4, 4).permute(0, 2, 3, 1, 4)
    if bits == 8:
        return fours.contiguous()
    return (fours[:, :, : GROUP // 8] | fours[:, :, GROUP // 8 :] << 4).contiguous()
