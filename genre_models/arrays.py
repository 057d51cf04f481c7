"""Arrays by name in one file, in NumPy's npz format."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray


def unpacked(data: bytes) -> dict[str, NDArray[Any]]:
    """The arrays of a file; pickled objects are none. Raises ValueError for any other file."""
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as held:
            return {name: held[name] for name in held}
    except Exception as error:  # of zipfile, zlib, or the tokenizer that NumPy reads headers with
        raise ValueError(f"no arrays: {type(error).__name__}: {error}") from error
