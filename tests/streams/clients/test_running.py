"""The note of `genre up`: found while it runs, forgotten afterwards."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from streams.clients.running import announced, found
from streams.settings import Settings


def test_a_running_installation_is_found_and_forgotten(tmp_path: Path) -> None:
    given = Settings(state=tmp_path)
    running = replace(
        given, brokers="127.0.0.1:5", incarnation="abc", partitions=1, fetch_wait=0.005
    )
    with announced(running):
        assert found(given) == found(replace(given, brokers="127.0.0.1:5")) == running
        elsewhere = replace(given, brokers="kafka:9092")
        assert found(elsewhere) == elsewhere
    assert found(given) == given


def test_a_note_is_there_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def half(path: Path, content: bytes) -> int:
        with path.open("wb") as file:
            file.write(content[:10])
        raise OSError("no space left on device")

    given = replace(Settings(state=tmp_path), brokers="127.0.0.1:5")
    with announced(given):
        monkeypatch.setattr(Path, "write_bytes", half)
        with pytest.raises(OSError, match="no space"), announced(replace(given, partitions=9)):
            pass
        assert found(Settings(state=tmp_path)) == given


def test_the_note_of_a_dead_process_is_ignored(tmp_path: Path) -> None:
    (tmp_path / "up.json").write_text('{"pid": 4194305, "brokers": "127.0.0.1:5"}')
    assert found(Settings(state=tmp_path)) == Settings(state=tmp_path)
    (tmp_path / "up.json").write_text("garbage")
    assert found(Settings(state=tmp_path)) == Settings(state=tmp_path)
