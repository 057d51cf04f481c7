"""Node.js and the packages that the examples in JavaScript import, where they are installed."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

NODE = shutil.which("node") or "node"
# Where `npm ci` in the folder of the examples puts them, and `make clients`.
_PLACES = (Path(__file__).parents[1] / "examples", Path(sys.prefix) / "examples")


def node_modules() -> Path | None:
    """The folder of packages; None where it, or Node.js, is not installed."""
    folders = [place / "node_modules" for place in _PLACES if (place / "node_modules").is_dir()]
    return folders[0] if folders and shutil.which("node") else None
