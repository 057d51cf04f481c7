"""Logits read by the kernel: two passes over each row's, without sorting them."""

from __future__ import annotations

import ctypes

import numpy as np
import torch

from genre_models.engine.native.kernel import Kernel
from genre_models.engine.sampling import Likeliest


class NativeReader:
    """A `Reader`."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel

    def totals(self, logits: torch.Tensor) -> list[float]:
        """See Reader."""
        found = np.empty(len(logits))
        self._kernel.totals(*_rows(logits), ctypes.c_void_p(found.ctypes.data))
        return [float(total) for total in found]

    def likeliest(self, logits: torch.Tensor, count: int) -> Likeliest:
        """See Reader."""
        shape = len(logits), count
        values, tokens = np.empty(shape, np.float32), np.empty(shape, np.int64)
        places = ctypes.c_void_p(values.ctypes.data), ctypes.c_void_p(tokens.ctypes.data)
        self._kernel.likeliest(*_rows(logits), count, *places)
        return values, tokens


def _rows(logits: torch.Tensor) -> tuple[ctypes.c_void_p, int, int, int]:
    assert logits.stride(1) == 1 and logits.dtype is torch.float32
    return ctypes.c_void_p(logits.data_ptr()), len(logits), logits.stride(0), logits.shape[1]
