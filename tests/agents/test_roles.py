"""A worker is a good neighbour, whatever its process has imported before."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PROGRAM = """
from agents.commands.worker import build
from agents.roles import share_cores
share_cores()
import numpy
from threadpoolctl import threadpool_info
print([library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"])
"""


def test_blas_has_one_thread_also_where_numpy_comes_later() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
        check=True,
    )
    assert done.stdout.strip() == "[1]"
