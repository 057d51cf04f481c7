"""The kernel in C against torch, row by row."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from transformers import AutoConfig

from genre_models.adapters import AdapterStore
from genre_models.engine.llama import Llama
from genre_models.engine.native import Kernel
from genre_models.engine.native_llama import NativeLlama

TOKENS = torch.randint(3, 259, (80,), generator=torch.Generator().manual_seed(0))


pytestmark = pytest.mark.usefixtures("inference")


def test_a_model_gives_the_logits_of_the_torch_path_and_bits_of_its_own_row(
    kernel: Kernel, base: Path, store: AdapterStore
) -> None:
    config = AutoConfig.from_pretrained(base)
    models = (
        NativeLlama(kernel, base, config, slots=18, context=128, fast=False),
        Llama(base, config, slots=18, context=128, fast=False),
    )
    prompts = []
    for model in models:
        adapters = [model.prepare(store.verified(name)) for name in store.names()]
        blend = ((adapters[0], 0.7), (adapters[1], 0.5))
        prompts.append(model.prefill(TOKENS, 17, 0, blend, every=True))
    assert torch.allclose(prompts[0], prompts[1], atol=1e-4)
    native, bits = models[0], []
    for rows in range(1, 18):
        for slot in range(rows):
            native.slots.copy(17, slot, 80)
        native.mix([blend, *[((adapters[slot % 3], 1.0),) for slot in range(1, rows)]])
        bits.append(
            native.decode(torch.full((rows,), 9), torch.tensor([80, *range(30, 29 + rows)]))[0]
        )
    assert all(torch.equal(row, bits[0]) for row in bits)
