"""Tensors: a header that tells the truth, and numbers within range."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from genre_models.adapters import read_adapter
from genre_models.adapters.files import TENSORS
from tests.genre_models.adapters.conftest import BASE, code_of


def test_a_pickle_under_the_right_name_is_no_safetensors(folder: Path) -> None:
    (folder / TENSORS).write_bytes(pickle.dumps({"weights": 1}))
    assert code_of(lambda: read_adapter(folder, BASE)) == "adapter_header"


@pytest.mark.parametrize("size", [0, 1, 2**20 + 1, 2**63, 2**64 - 1])
def test_lying_header_sizes_are_refused(folder: Path, size: int) -> None:
    data = (folder / TENSORS).read_bytes()
    (folder / TENSORS).write_bytes(size.to_bytes(8, "little") + data[8:])
    assert code_of(lambda: read_adapter(folder, BASE)) == "adapter_header"


@pytest.mark.parametrize(
    ("value", "code"),
    [(np.nan, "adapter_not_finite"), (np.inf, "adapter_not_finite"), (6e4, "adapter_norm")],
)
def test_numbers_out_of_range_are_refused(folder: Path, value: float, code: str) -> None:
    tensors = load_file(folder / TENSORS)
    next(iter(tensors.values()))[0, 0] = value
    save_file(tensors, folder / TENSORS)
    assert code_of(lambda: read_adapter(folder, BASE)) == code
