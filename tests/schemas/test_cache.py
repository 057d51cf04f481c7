"""One cache for the code and the Makefile; what an earlier version left is found."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from schemas.cache import cache_folder

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home, and no word of where the cache is."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    return tmp_path / "home"


@pytest.mark.parametrize("said", [None, "", "  ", "relative/cache", "~/cache", "/var/a cache"])
def test_the_makefile_and_the_code_take_the_same_folder(
    said: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if said is not None:
        monkeypatch.setenv("XDG_CACHE_HOME", said)
    database = subprocess.run(
        ["make", "--print-data-base", "--dry-run", "help"],
        cwd=ROOT,
        env=os.environ,
        capture_output=True,
        text=True,
        check=True,
    )
    made = re.search(r"^CACHE := (.*)$", database.stdout, re.MULTILINE)
    assert made is not None and Path(made[1]) / "models" == cache_folder("models")


def test_what_an_earlier_version_left_is_found(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / ".cache/genre/models/base").mkdir(parents=True)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_folder("models") == home / ".cache/genre/models"
    assert cache_folder("adapters") == tmp_path / "xdg/genre/adapters"


def test_a_folder_of_this_version_goes_before_one_of_an_earlier(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    for folder in (home / ".cache/genre/models", tmp_path / "xdg/genre/models"):
        folder.mkdir(parents=True)
    assert cache_folder("models") == tmp_path / "xdg/genre/models"


def test_nothing_is_made_by_looking(home: Path) -> None:
    assert cache_folder("models") == home / ".cache/genre/models"
    assert not home.exists()
