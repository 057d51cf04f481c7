"""decode.c, compiled once for a processor and a compiler into a cache of its own, and loaded."""

from __future__ import annotations

import ctypes
import hashlib
import logging
import subprocess
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import torch

from genre_models.shared_library import compiled
from schemas.cache import cache_folder

log = logging.getLogger(__name__)

FLAGS = ("-std=gnu11", "-O3", "-march=native", "-fno-math-errno", "-fopenmp", "-fPIC", "-shared")
FOLDER = cache_folder("kernel")
MOST_ROWS = 64  # that decode.c takes at a time

Kernel = Any
"""The loaded library: `forward` and `multiply`."""


@cache
def load_kernel(folder: Path = FOLDER) -> Kernel | None:
    """The kernel, compiled into `folder` on first use (5 s).

    None, with one line in the log, where it cannot be compiled.
    """
    try:
        return ctypes.CDLL(str(_compiled(folder.expanduser())))
    except (OSError, subprocess.CalledProcessError) as error:
        reason = (getattr(error, "stderr", None) or str(error)).strip().splitlines()[0]
        log.warning("the engine's native kernel is not used, torch is, which is slower: %s", reason)
        return None


def version() -> str:
    """A digest (12 hex digits) of the source: the same integers on every processor."""
    return hashlib.sha256(_source()).hexdigest()[:12]


def pointer(tensor: torch.Tensor | None) -> int | None:
    """Its address, for a struct; the tensor must be contiguous and outlive it."""
    if tensor is None:
        return None
    assert tensor.is_contiguous()
    return tensor.data_ptr()


def _compiled(folder: Path) -> Path:
    return compiled(_source(), "decode", folder, FLAGS)


def _source() -> bytes:
    return files("genre_models.engine.native").joinpath("decode.c").read_bytes()
