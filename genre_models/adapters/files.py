"""The three files of an adapter, read once and under size caps.

A record may name a folder: then no link is followed. A person who adds one may have it in a Hugging
Face cache, which is made of links.
"""

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
# bytes; rank 64 on all linears of a model of 1.5 billion parameters has 295 MB in fp32
CAPS = {CONFIG: 64 << 10, TENSORS: 512 << 20, CARD: 256 << 10}
PICKLES = (".bin", ".pt", ".pth", ".pkl", ".ckpt")


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
    if any(name.endswith(PICKLES) for name in names):
        raise ModelError(
            "adapter_not_safetensors", f"expected safetensors only, got {', '.join(names[:5])}"
        )
    if names != sorted(CAPS):
        raise ModelError(
            "adapter_files",
            f"expected exactly {', '.join(sorted(CAPS))}, got {', '.join(names[:5])}; "
            "`genre adapters add` takes what other tools save",
        )
    return {name: _read(folder / name, cap) for name, cap in CAPS.items()}


def read_linked(folder: Path) -> dict[str, bytes]:
    """The bytes of those of the three files that `folder` has, links followed; no other is opened.

    Raises ModelError `adapter_missing`, `adapter_not_safetensors`, `adapter_files` or
    `adapter_too_big`.
    """
    if not folder.is_dir():
        raise ModelError("adapter_missing", f"expected an adapter folder, got {folder}")
    found = {name for name in CAPS if os.path.lexists(folder / name)}
    if CONFIG not in found:
        below = [
            path.parent for path in (*folder.glob(f"*/{CONFIG}"), *folder.glob(f"*/*/{CONFIG}"))
        ]
        where = f"; there is one in {', '.join(map(str, sorted(below)[:3]))}" if below else ""
        raise ModelError("adapter_files", f"expected {CONFIG} in {folder}, got none{where}")
    if TENSORS not in found:
        if (folder / "adapter_model.bin").exists():
            raise ModelError(
                "adapter_not_safetensors",
                f"expected {TENSORS} in {folder}, got adapter_model.bin, which may run code: "
                "save it again with safe_serialization=True",
            )
        raise ModelError("adapter_files", f"expected {TENSORS} in {folder}, got none")
    return {
        name: _read(folder / name, cap, links=True) for name, cap in CAPS.items() if name in found
    }


def _read(path: Path, cap: int, *, links: bool = False) -> bytes:
    try:
        follow = 0 if links else os.O_NOFOLLOW
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | follow)
    except OSError as error:
        code = "adapter_missing" if links else "adapter_has_link"
        raise ModelError(
            code, f"expected a plain file, got {path.name}: {error.strerror}"
        ) from error
    try:
        return _content(handle, path.name, cap, links)
    finally:
        os.close(handle)


def _content(handle: int, name: str, cap: int, links: bool) -> bytes:
    status = os.fstat(handle)
    if not stat.S_ISREG(status.st_mode) or (status.st_nlink != 1 and not links):
        raise ModelError("adapter_has_link", f"expected a plain file with one name, got {name}")
    if status.st_size > cap:
        raise ModelError(
            "adapter_too_big", f"expected {name} of at most {cap} bytes, got {status.st_size}"
        )
    with os.fdopen(handle, "rb", closefd=False) as file:
        return file.read(status.st_size)


def read_object(data: bytes, code: str, what: str) -> dict[str, Any]:
    """The JSON object in `data`, or a ModelError with `code`."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ModelError(code, f"expected JSON in {what}, got: {error}") from error
    if not isinstance(value, dict):
        raise ModelError(code, f"expected an object in {what}, got {type(value).__name__}")
    return value
