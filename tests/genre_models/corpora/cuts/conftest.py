"""Sources in the formats of the real ones, written for the tests."""

from __future__ import annotations

from pathlib import Path


def put(cache: Path, package: object, path: str, content: bytes) -> None:
    """A file of a package as if it had been fetched."""
    file = cache / str(package).replace(" ", "-") / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
