"""What names a base model, and which folder it gets."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from genre_models.bases import Source
from schemas.errors import ModelError


def test_every_kind_is_told_from_the_others(tmp_path: Path) -> None:
    models = tmp_path / "models"
    (models / "base-1").mkdir(parents=True)
    (models / "base-1/fingerprint.txt").write_text("0")
    (tmp_path / "mine").mkdir()
    (tmp_path / "a.gguf").write_bytes(b"")
    kinds = {
        "": "packaged",
        "  ": "packaged",
        str(tmp_path / "mine"): "folder",
        str(models / "base-1"): "prepared",
        str(tmp_path / "a.gguf"): "gguf",
        "acme/write": "hub",
        "acme/write@refs/pr/1": "hub",
        "gpt2@main": "hub",
    }
    assert {text: Source.parse(text, models).kind for text in kinds} == kinds
    assert Source.parse("", models).folder(models) == models / "base"
    assert Source.parse(str(models / "base-1"), models).folder(models) == models / "base-1"


@pytest.mark.parametrize(
    "text", ["/nowhere", "./a", "a.gguf", "a/b/c", "a b", "../../x", "a@", "/"]
)
def test_what_is_nowhere_is_refused(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    if text == "/":
        (tmp_path / "notes.txt").write_text("x")
        text = str(tmp_path / "notes.txt")
    with pytest.raises(ModelError, match="GENRE_BASE") as refused:
        Source.parse(text, tmp_path)
    assert refused.value.code == "base_unavailable"


def test_each_content_and_each_revision_has_a_folder_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "mine/config.json"
    file.parent.mkdir()
    file.write_text("{}")

    def folder(text: str) -> Path:
        return Source.parse(text, tmp_path).folder(tmp_path)

    first = folder("mine")
    assert first == folder("./mine") == folder(str(tmp_path / "mine"))
    (tmp_path / "mine/weights.bin").write_text("not used")
    assert folder("mine") == first
    os.utime(file, ns=(1, 1))
    assert folder("mine") != first
    assert len({folder("a/b"), folder("a/b@1"), folder("a/b@2"), folder("")}) == 4
