"""How far an adapter moves the model on ordinary prompts."""

from __future__ import annotations

import math
from pathlib import Path

from transformers import LlamaForCausalLM

from genre_models.training.gate.shift import shift
from genre_models.training.top_half import TopHalf
from tests.genre_models.tiny import make_tokenizer
from tests.genre_models.training.sentences import RECIPE


def test_a_new_adapter_moves_nothing_and_a_stronger_one_more(base: Path) -> None:
    half, tokenizer = TopHalf(LlamaForCausalLM.from_pretrained(base), RECIPE), make_tokenizer()
    fresh = half.weights()
    moved = [shift(half, tokenizer)]
    for strength in (0.05, 0.5):
        half.load({name: weight + strength for name, weight in fresh.items()})
        moved.append(shift(half, tokenizer))
    assert math.isclose(moved[0], 0.0, abs_tol=1e-6)
    assert moved[0] < moved[1] < moved[2]
