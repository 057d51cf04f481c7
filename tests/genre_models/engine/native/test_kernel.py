from __future__ import annotations

from pathlib import Path

import pytest

from genre_models.engine.llama import Llama
from genre_models.engine.model import load_model
from genre_models.engine.native import load_kernel

pytestmark = pytest.mark.usefixtures("inference")


def test_without_a_compiler_torch_computes_and_the_log_says_so(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("PATH", "")
    assert load_kernel(tmp_path) is None and "expected gcc" in caplog.text
    monkeypatch.setattr("genre_models.engine.native.load_kernel", lambda: None)
    assert type(load_model(base, slots=5, context=128, fast=False)[0]) is Llama
