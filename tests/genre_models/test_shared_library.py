from __future__ import annotations

import ctypes
import shutil
import subprocess
from pathlib import Path

import pytest

from genre_models.shared_library import compiled

FLAGS = ("-O1", "-fPIC", "-shared")

pytestmark = pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc is not installed")


def test_a_source_is_compiled_once_and_again_when_it_changes(tmp_path: Path) -> None:
    one = compiled(b"int seven(void) { return 7; }", "demo", tmp_path, FLAGS)
    assert ctypes.CDLL(str(one)).seven() == 7
    made = one.stat().st_mtime_ns
    assert compiled(b"int seven(void) { return 7; }", "demo", tmp_path, FLAGS) == one
    assert one.stat().st_mtime_ns == made
    assert compiled(b"int seven(void) { return 8; }", "demo", tmp_path, FLAGS) != one
    assert compiled(b"int seven(void) { return 7; }", "demo", tmp_path, (*FLAGS, "-g")) != one


def test_what_gcc_refuses_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(subprocess.CalledProcessError) as caught:
        compiled(b"no C", "demo", tmp_path, FLAGS)
    assert "error" in caught.value.stderr and not list(tmp_path.glob("*.so"))


def test_without_a_compiler_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(FileNotFoundError, match="expected gcc"):
        compiled(b"", "demo", tmp_path, FLAGS)
