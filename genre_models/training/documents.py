"""JSON documents on disk, each whole or not there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from genre_models import atomic


def write_json(file: Path, document: object) -> None:
    """Put a document in place of the one in the file."""
    atomic.write(file, msgspec.json.encode(document))


def read_json(file: Path, kind: Any) -> Any:
    """The document in a file, as `kind`; None where there is no file.

    Raises msgspec.DecodeError.
    """
    return msgspec.json.decode(file.read_bytes(), type=kind) if file.exists() else None
