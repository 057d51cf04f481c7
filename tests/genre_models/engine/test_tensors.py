"""A base model's tensors over several files: copies in fp32, or mapped, or a refusal."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from genre_models.engine.tensors import Tensors
from schemas.errors import ModelError


def test_tensors_of_all_files_come_in_fp32(tmp_path: Path) -> None:
    save_file({"a": torch.full((2, 3), 0.5, dtype=torch.bfloat16)}, tmp_path / "1.safetensors")
    save_file({"b": torch.ones(4, dtype=torch.float16)}, tmp_path / "2.safetensors")
    with Tensors(tmp_path) as tensors:
        assert torch.equal(tensors["a"], torch.full((2, 3), 0.5))
        assert torch.equal(tensors["b"], torch.ones(4))
        assert {tensors[name].dtype for name in "ab"} == {torch.float32}
        assert tensors.get("c") is None
        with pytest.raises(ModelError, match=r"expected a tensor c .* got 2 others") as refused:
            _ = tensors["c"]
    assert refused.value.code == "base_unavailable"


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_file_is_mapped_while_one_of_its_matrices_is_read_and_no_longer(
    tmp_path: Path, dtype: torch.dtype
) -> None:
    file = tmp_path / "1.safetensors"
    save_file({"a": torch.ones(64, 64, dtype=dtype)}, file)

    def mapped() -> bool:
        return str(file) in Path("/proc/self/maps").read_text()

    with Tensors(tmp_path) as tensors:
        kept = tensors["a"]
        assert not mapped()
        stored = tensors.stored("a")
        assert mapped() and stored.dtype == dtype and torch.equal(stored.float(), kept)
        del stored
    assert not mapped()
