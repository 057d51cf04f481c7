"""How much memory a process has."""

from __future__ import annotations

import os
from pathlib import Path


def resident_megabytes(pid: int | None = None) -> float:
    """Resident memory of a process (this one by default), in MB."""
    pages = int(Path(f"/proc/{pid or os.getpid()}/statm").read_text().split()[1])
    return round(pages * os.sysconf("SC_PAGE_SIZE") / 1e6, 1)
