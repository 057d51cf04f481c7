"""Three plain files, none of them a link, a pipe or a giant."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

from genre_models.adapters import read_adapter
from genre_models.adapters.files import CAPS, CARD, TENSORS
from tests.genre_models.adapters.conftest import BASE, code_of


def test_files_other_than_the_three_are_refused(folder: Path) -> None:
    (folder / "notes.txt").write_text("hello")
    assert code_of(lambda: read_adapter(folder, BASE)) == "adapter_files"
    (folder / "adapter_model.bin").write_bytes(pickle.dumps({}))
    assert code_of(lambda: read_adapter(folder, BASE)) == "adapter_not_safetensors"
    assert code_of(lambda: read_adapter(folder / "nowhere", BASE)) == "adapter_missing"


def test_links_and_pipes_are_refused(folder: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(folder)
    assert code_of(lambda: read_adapter(link, BASE)) == "adapter_has_link"
    (folder / CARD).rename(tmp_path / "elsewhere")
    for make in (
        lambda path: path.symlink_to(tmp_path / "elsewhere"),
        lambda path: path.hardlink_to(tmp_path / "elsewhere"),
        lambda path: os.mkfifo(path),
        lambda path: path.mkdir(),
    ):
        make(folder / CARD)
        assert code_of(lambda: read_adapter(folder, BASE)) == "adapter_has_link"
        (folder / CARD).rmdir() if (folder / CARD).is_dir() else (folder / CARD).unlink()


def test_files_above_their_cap_are_refused_unread(folder: Path) -> None:
    with (folder / TENSORS).open("r+b") as file:
        file.truncate(CAPS[TENSORS] + 1)
    assert code_of(lambda: read_adapter(folder, BASE)) == "adapter_too_big"
