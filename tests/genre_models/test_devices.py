"""GENRE_DEVICE: a GPU that is there, or one line; bf16 where it is in silicon."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from genre_models import devices
from genre_models.devices import device_of, has_bf16
from schemas.errors import ModelError


@pytest.fixture(autouse=True)
def forget() -> Iterator[None]:
    has_bf16.cache_clear()
    yield
    has_bf16.cache_clear()


def gpus(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: number > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: number)


@pytest.mark.parametrize(
    ("there", "setting", "device"),
    [
        (0, "auto", "cpu"),
        (0, "cpu", "cpu"),
        (2, "cpu", "cpu"),
        (2, "auto", "cuda:0"),
        (1, "cuda", "cuda:0"),
        (2, "cuda:1", "cuda:1"),
    ],
)
def test_auto_takes_a_gpu_where_one_is_there(
    there: int, setting: str, device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    gpus(monkeypatch, there)
    assert device_of(setting) == device


@pytest.mark.parametrize(("there", "setting"), [(0, "cuda"), (0, "cuda:0"), (1, "cuda:1")])
def test_a_gpu_that_is_not_there_is_refused_in_one_line(
    there: int, setting: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    gpus(monkeypatch, there)
    with pytest.raises(ModelError, match=rf"got {setting} of {there}: set it to cpu") as caught:
        device_of(setting)
    assert caught.value.code == "no_device" and "\n" not in caught.value.message


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("flags\t\t: fpu avx512f avx512_bf16 amx_tile\n", True),
        ("flags\t\t: fpu amx_bf16\n", True),
        ("Features\t: fp asimd bf16 i8mm\n", True),
        ("flags\t\t: fpu avx2 avx512f\n", False),
        ("", False),
        (None, False),
    ],
)
def test_bf16_is_used_where_the_processor_has_it(
    said: str | None, expected: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(devices, "_CPU", tmp_path / "cpuinfo")
    if said is not None:
        (tmp_path / "cpuinfo").write_text(said)
    assert has_bf16("cpu") is expected and has_bf16("cuda:1")
