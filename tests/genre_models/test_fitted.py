"""What is fitted on a machine: once, whoever wants it, and again when it is of no use."""

from __future__ import annotations

import logging
import multiprocessing
import threading
import time
from pathlib import Path

import pytest

from genre_models.fitted import load_or_fit
from schemas.errors import ModelError

SPAWN = multiprocessing.get_context("spawn")


def read(data: bytes) -> str:
    """Bytes that begin with a `!` are refused."""
    if data.startswith(b"!"):
        raise ModelError("refused", "expected others")
    return data.decode()


class Fit:
    """Fits in a moment, and counts how often."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> bytes:
        self.times += 1
        time.sleep(0.05)
        return b"fitted"


def load(file: Path, fit: Fit) -> str:
    return load_or_fit(file, fit, read, takes="a moment")


def load_and_say(file: Path, told: Path) -> None:
    def fit() -> bytes:
        with told.open("a") as lines:
            lines.write("fitted\n")
        time.sleep(0.2)
        return b"fitted"

    assert load_or_fit(file, fit, read, takes="a moment") == "fitted"


def test_it_is_fitted_once_and_read_from_then_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file, fit = tmp_path / "models" / "model-1.npz", Fit()
    assert load(file, fit) == load(file, fit) == "fitted"
    assert fit.times == 1 and [each.name for each in file.parent.iterdir()] == ["model-1.npz"]
    assert [each.getMessage() for each in caplog.records] == [
        "fitting model-1.npz, once: it takes a moment"
    ]


def test_of_processes_that_start_together_one_fits_it(tmp_path: Path) -> None:
    file, told = tmp_path / "model", tmp_path / "told"
    processes = [SPAWN.Process(target=load_and_say, args=(file, told)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert told.read_text() == "fitted\n"


def test_of_threads_that_start_together_one_fits_it(tmp_path: Path) -> None:
    file, fit, found = tmp_path / "model", Fit(), list[str]()
    threads = [threading.Thread(target=lambda: found.append(load(file, fit))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == ["fitted"] * 4 and fit.times == 1


def test_what_is_refused_is_fitted_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file, fit = tmp_path / "model", Fit()
    file.write_bytes(b"!stale")
    assert load(file, fit) == load(file, fit) == "fitted"
    assert fit.times == 1 and "model cannot be used: expected others" in caplog.text


def test_what_cannot_be_kept_is_fitted_and_used(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    no_folder, fit = tmp_path / "file", Fit()
    no_folder.touch()
    assert load(no_folder / "model", fit) == "fitted"
    assert fit.times == 1 and "model is not kept, every start fits it again" in caplog.text


def test_what_is_fitted_and_finds_no_room_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    fit = Fit()
    monkeypatch.setattr(Path, "write_bytes", full)
    assert load(tmp_path / "model", fit) == "fitted" and fit.times == 1
    assert "is not kept" in caplog.text and list(tmp_path.iterdir()) == []


def test_what_cannot_be_fitted_is_said_and_leaves_nothing(tmp_path: Path) -> None:
    def fit() -> bytes:
        raise ModelError("encoder_unavailable", "expected an encoder")

    with pytest.raises(ModelError, match="expected an encoder"):
        load_or_fit(tmp_path / "model", fit, read, takes="a moment")
    assert list(tmp_path.iterdir()) == []


def test_it_is_said_at_every_log_level_of_workers(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)  # before a worker has set its own
    load(tmp_path / "model", Fit())
    assert "a moment" in caplog.text
