"""Atomic files and folders: whole or not there, made once, with nothing left beside them."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from pathlib import Path

import pytest

from genre_models import atomic

SPAWN = multiprocessing.get_context("spawn")


def write_often(file: Path, letter: bytes) -> None:
    for _ in range(200):
        atomic.write(file, letter * 100_000)


def die_while_making(target: Path) -> None:
    def make(partial: Path) -> None:
        partial.mkdir()
        (partial / "half").write_text("x")
        os.kill(os.getpid(), signal.SIGKILL)

    atomic.make_once(target, make)


def test_readers_see_what_one_writer_wrote_whole(tmp_path: Path) -> None:
    file = tmp_path / "sub" / "file.json"
    atomic.write(file, b"a" * 100_000)
    writers = [SPAWN.Process(target=write_often, args=(file, letter)) for letter in (b"a", b"b")]
    writers += [threading.Thread(target=write_often, args=(file, b"c"))]  # type: ignore[list-item]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        seen = file.read_bytes()
        assert len(seen) == 100_000 and len(set(seen)) == 1
    for writer in writers:
        writer.join()
    assert [getattr(writer, "exitcode", 0) for writer in writers] == [0, 0, 0]
    assert [path.name for path in file.parent.iterdir()] == ["file.json"]


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_many_at_once_make_one(kind: str, tmp_path: Path) -> None:
    made, target = [], tmp_path / "target"

    def make(partial: Path) -> None:
        assert not partial.exists() and not target.exists()
        if kind == "folder":
            partial.mkdir()
            (partial / "content").write_text("x")
        else:
            partial.write_text("x")
        made.append(partial)

    threads = [threading.Thread(target=atomic.make_once, args=(target, make)) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1 and atomic.make_once(target, make) == target
    assert list(tmp_path.iterdir()) == [target]


def test_what_could_not_be_made_leaves_nothing(tmp_path: Path) -> None:
    def make(partial: Path) -> None:
        partial.mkdir()
        (partial / "half").write_text("x")
        raise ValueError("no more")

    with pytest.raises(ValueError, match="no more"):
        atomic.make_once(tmp_path / "target", make)
    assert not list(tmp_path.iterdir())


def test_what_a_kill_left_is_thrown_away(tmp_path: Path) -> None:
    target = tmp_path / "target"
    maker = SPAWN.Process(target=die_while_making, args=(target,))
    maker.start()
    maker.join()
    assert maker.exitcode == -signal.SIGKILL and not target.exists()
    assert (tmp_path / "target.partial/half").exists()
    atomic.make_once(target, Path.mkdir)
    assert list(tmp_path.iterdir()) == [target] and not list(target.iterdir())


def test_what_is_made_anew_takes_the_place_of_what_was_there(tmp_path: Path) -> None:
    target = tmp_path / "sub" / "folder"
    for letter in "ab":

        def make(partial: Path, letter: str = letter) -> None:
            partial.mkdir()
            (partial / letter).write_text(letter)

        atomic.make_anew(target, make)
        assert [file.name for file in target.iterdir()] == [letter]

    def fail(partial: Path) -> None:
        partial.mkdir()
        raise ValueError

    with pytest.raises(ValueError):
        atomic.make_anew(target, fail)
    assert [file.name for file in target.iterdir()] == ["b"]
    assert [file.name for file in target.parent.iterdir()] == ["folder"]
