from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from transformers import LlamaForCausalLM

from genre_models.adapters import AdapterStore
from genre_models.engine.concatenation import concatenated


def test_the_concatenation_is_exact(base: Path, store: AdapterStore, tmp_path: Path) -> None:
    names = store.names()[:2]
    _, folder = concatenated(
        [(store.verified(n), w) for n, w in zip(names, (0.7, 0.6), strict=True)], tmp_path
    )
    one, two = (str(store.path(name)) for name in names)
    ids = torch.tensor([[5, 6, 7, 8]])
    with torch.no_grad():
        ours = PeftModel.from_pretrained(
            LlamaForCausalLM.from_pretrained(base).eval(), str(folder)
        )(ids).logits
        model: Any = PeftModel.from_pretrained(
            LlamaForCausalLM.from_pretrained(base).eval(), one, adapter_name="a0"
        )
        model.load_adapter(two, adapter_name="a1")
        model.add_weighted_adapter(["a0", "a1"], [0.7, 0.6], "both", combination_type="cat")
        model.set_adapter("both")
        assert torch.allclose(ours, model(ids).logits, atol=1e-4)
