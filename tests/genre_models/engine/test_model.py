"""Which model computes for a base, and how far it reaches."""

from __future__ import annotations

from pathlib import Path

import pytest

from genre_models.engine.llama import Llama
from genre_models.engine.model import load_model
from genre_models.engine.native import Kernel
from genre_models.engine.native_llama import NativeLlama


def test_the_kernel_computes_where_it_is_and_torch_elsewhere(
    kernel: Kernel, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for found, kind in ((kernel, NativeLlama), (None, Llama)):
        monkeypatch.setattr("genre_models.engine.native.load_kernel", lambda found=found: found)
        assert type(load_model(base, slots=5, context=128, fast=False)[0]) is kind


@pytest.mark.parametrize(("wished", "context"), [(128, 128), (4096, 1024)])
def test_rows_are_as_long_as_wished_but_no_longer_than_the_model_knows(
    base: Path, wished: int, context: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("genre_models.engine.native.load_kernel", lambda: None)
    assert load_model(base, slots=5, context=wished, fast=False)[0].context == context
