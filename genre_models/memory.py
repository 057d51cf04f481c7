"""Memory that the allocator keeps after something large was read."""

from __future__ import annotations

import ctypes


def give_back() -> None:
    """Return the allocator's free memory to the system, where it can be told to."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc has it
    if trim is not None:
        trim(0)
