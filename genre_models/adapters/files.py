"""The three files of an adapter, read once, under size caps, without following a link."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from schemas.errors import ModelError

CONFIG, TENSORS, CARD = "adapter_config.json", "adapter_model.safetensors", "genre.json"
CAPS = {CONFIG: 64 << 10, TENSORS: 64 << 20, CARD: 256 << 10}  # bytes


def digest_of(files: Mapping[str, bytes]) -> str:
    """sha256 (64 hex digits) over the names, sizes and contents of the three files."""
    digest = hashlib.sha256()
    for name in sorted(files):
        digest.update(f"{name}\0{len(files[name])}\0".encode())
        digest.update(files[name])
    return digest.hexdigest()


def read_files(folder: Path) -> dict[str, bytes]:
    """The bytes of the three files and no others, without following a link."""
    try:
        if folder.is_symlink():
            raise ModelError("adapter_has_link", f"expected a folder, got a link: {folder}")
        names = sorted(entry.name for entry in os.scandir(folder))
    except OSError as error:
        raise ModelError(
            "adapter_missing", f"expected an adapter folder, got {folder}: {error.strerror}"
        ) from error
    if any(name.endswith((".bin", ".pt", ".pth", ".pkl", ".ckpt")) for name in names):
        raise ModelError(
            "adapter_not_safetensors", f"expected safetensors only, got {', '.join(names[:5])}"
        )
    if names != sorted(CAPS):
        raise ModelError(
            "adapter_files",
            f"expected exactly {', '.join(sorted(CAPS))}, got {', '.join(names[:5])}",
        )
    return {name: _read(folder / name, cap) for name, cap in CAPS.items()}


def _read(path: Path, cap: int) -> bytes:
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        raise ModelError(
            "adapter_has_link", f"expected a plain file, got {path.name}: {error.strerror}"
        ) from error
    try:
        return _content(handle, path.name, cap)
    finally:
        os.close(handle)


def _content(handle: int, name: str, cap: int) -> bytes:
    status = os.fstat(handle)
    if not stat.S_ISREG(status.st_mode) or status.st_nlink != 1:
        raise ModelError("adapter_has_link", f"expected a plain file with one name, got {name}")
    if status.st_size > cap:
        raise ModelError(
            "adapter_too_big", f"expected {name} of at most {cap} bytes, got {status.st_size}"
        )
    with os.fdopen(handle, "rb", closefd=False) as file:
        return file.read(cap)


def read_object(data: bytes, code: str, what: str) -> dict[str, Any]:
    """The JSON object in `data`, or a ModelError with `code`."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ModelError(code, f"expected JSON in {what}, got: {error}") from error
    if not isinstance(value, dict):
        raise ModelError(code, f"expected an object in {what}, got {type(value).__name__}")
    return value
