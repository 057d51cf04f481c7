"""The engine's kernel for tests: without a compiler there is none to test, with one it must
compile."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from genre_models.engine.native import Kernel, load_kernel


def compiled(folder: Path) -> Kernel:
    """Compiled into `folder`; skips without gcc, fails where gcc does not compile it."""
    if shutil.which("gcc") is None:
        pytest.skip("gcc is not installed")
    kernel = load_kernel(folder)
    assert kernel is not None, "gcc is there, but the kernel was not compiled: see the log"
    return kernel
