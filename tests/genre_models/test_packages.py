"""Pinned packages: fetched once by their real client from a folder, checked, unpacked safely."""

from __future__ import annotations

import hashlib
import io
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from genre_models import packages
from genre_models.packages import Package, fetch, unpack
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
