from __future__ import annotations

from pathlib import Path

import pytest
from transformers import AutoTokenizer

from benchmarks.base import SIZES, make, ratios
from genre_models.bases.facts import Facts


@pytest.mark.parametrize("size", SIZES)
def test_a_base_of_any_size_is_one_that_the_kernel_computes(size: str, tmp_path: Path) -> None:
    small = {"hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 1, "vocab_size": 700}
    heads = {"num_attention_heads": 4, "num_key_value_heads": 2}
    make(tmp_path / "base-random", SIZES[size] | small | heads)
    assert Facts.of(tmp_path / "base-random").kernel
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "base-random", local_files_only=True)
    assert len(tokenizer) == 700
    assert tokenizer.decode(tokenizer("Ein Bär.").input_ids) == "Ein Bär."


def test_memory_is_compared_with_and_without_what_is_imported() -> None:
    speeds = {
        f"{what}_tok_s_r{rows}": speed
        for what, speed in (("fast", 40.0), ("transformers_fp32", 8.0), ("transformers_bf16", 10.0))
        for rows in (1, 8)
    }
    told = ratios(speeds | {"fast_load_mb": 700.0, "imports_mb": 400.0, "weights_mb": 200.0})
    assert told["fast_load_over_weights"] == 1.5
    assert told["fast_load_over_weights_with_imports"] == 3.5
    assert (told["fast_over_transformers_fp32_r1"], told["fast_over_transformers_bf16_r8"]) == (
        5,
        4,
    )
