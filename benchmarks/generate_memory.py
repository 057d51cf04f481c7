"""Megabytes of a generate role's models: encoder, classifier, fast engine, 16 rows, 8 adapters."""

from __future__ import annotations

import tempfile
from pathlib import Path

from agents.roles import share_cores


def main() -> None:
    """Load what the role loads, write, print the peak."""
    share_cores()
    from agents.base_model import base_folder
    from agents.classify.judge import load_judge
    from benchmarks.engine import Ours, rows
    from benchmarks.registered import registered
    from genre_models.adapters import BaseSpec
    from streams.settings import Settings

    settings = Settings.from_environment()
    judge = load_judge(settings)
    with tempfile.TemporaryDirectory(prefix="genre-benchmark-") as folder:
        store, names = registered(Path(folder), BaseSpec.load(base_folder(settings)), 8)
        Ours(settings, store, fast=True, most=settings.rows).tok_s(rows(16, names))
    del judge
    print(peak_megabytes())


def peak_megabytes() -> float:
    """Of this program alone: `getrusage` also counts the process that started it."""
    lines = Path("/proc/self/status").read_text().splitlines()
    (peak,) = (line.split()[1] for line in lines if line.startswith("VmHWM:"))
    return int(peak) / 1024


if __name__ == "__main__":
    main()
