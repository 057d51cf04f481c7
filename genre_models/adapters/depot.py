"""Adapters on shared storage: any fsspec URL (a folder, s3://bucket/adapters, ...), by name."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from genre_models.adapters.files import CAPS, read_files
from genre_models.adapters.name import AdapterName
from genre_models.adapters.store import AdapterStore
from schemas.errors import ModelError


def upload(folder: Path, name: str, location: str) -> None:
    """Copy the three files of a verified adapter to `location/name`.

    What lies there already is the same bytes. Raises ModelError `adapter_location`.
    """
    files = read_files(folder)
    system, root = _open(location)
    target = f"{root}/{AdapterName.parse(name)}"
    try:
        system.makedirs(target, exist_ok=True)
        for file, content in files.items():
            system.pipe_file(f"{target}/{file}", content)
    except OSError as error:
        raise ModelError(
            "adapter_location", f"expected {location} to take {name}, got: {error}"
        ) from error


def download(
    location: str, places: Sequence[str], name: str, digest: str, store: AdapterStore
) -> AdapterName:
    """Fetch an adapter into `store`, verified by the digest that was announced.

    Only the three files are read, each up to its cap, and only from `places` or below. Raises
    ModelError `adapter_location`, `adapter_too_big` and what verification raises.
    """
    if not _is_below(location, places):
        known = ", ".join(places) or "none"
        raise ModelError(
            "adapter_location",
            f"expected a location below one of GENRE_LIBRARY ({known}), got {location!r}",
        )
    system, root = _open(location)
    with tempfile.TemporaryDirectory(prefix="genre-adapter-") as scratch:
        folder = Path(scratch) / "adapter"
        folder.mkdir()
        for file, cap in CAPS.items():
            (folder / file).write_bytes(
                _read(system, f"{root}/{AdapterName.parse(name)}/{file}", cap)
            )
        return store.add(folder, digest)


def _is_below(location: str, places: Sequence[str]) -> bool:
    # "::" chains fsspec protocols, so that a harmless beginning could lead anywhere.
    if "::" in location or ".." in PurePosixPath(location).parts:
        return False
    return any(f"{location.rstrip('/')}/".startswith(f"{place.rstrip('/')}/") for place in places)


def _open(location: str) -> tuple[Any, str]:
    from fsspec.core import url_to_fs

    try:
        system, root = url_to_fs(location)
    except (ImportError, ValueError, OSError) as error:
        raise ModelError(
            "adapter_location", f"expected an fsspec URL that opens, got {location!r}: {error}"
        ) from error
    return system, str(root).rstrip("/")


def _read(system: Any, path: str, cap: int) -> bytes:
    try:
        with system.open(path, "rb") as file:
            data: bytes = file.read(cap + 1)
    except OSError as error:
        raise ModelError(
            "adapter_location", f"expected {path} to be readable, got: {error}"
        ) from error
    if len(data) > cap:
        raise ModelError(
            "adapter_too_big", f"expected {path} to have at most {cap} bytes, got more"
        )
    return data
