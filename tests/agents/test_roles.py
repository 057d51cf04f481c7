"""A worker is a good neighbour, whatever its process has imported before."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PROGRAM = """
import sys
from agents.commands.worker import build
from agents.roles import share_cores
share_cores()
import numpy
from threadpoolctl import threadpool_info
print(sys.getswitchinterval() < 0.002)
print([library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"])
"""


def test_threads_give_way_soon_and_blas_has_one_also_where_numpy_comes_later() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
        check=True,
    )
    assert done.stdout.strip() == "True\n[1]"
