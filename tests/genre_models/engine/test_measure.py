"""Whether an adapter makes the texts of its genre more likely."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM

from genre_models.adapters import AdapterStore
from genre_models.engine.measure import perplexities
from genre_models.engine.prompt import Prompt, encode
from tests.genre_models.tiny import make_tokenizer

PROMPT, TEXT = Prompt(system="You write.", user="A joke."), "Knock, knock."


def test_the_base_alone_is_as_transformers_has_it_and_an_adapter_changes_it(
    base: Path, store: AdapterStore
) -> None:
    tokenizer = make_tokenizer()
    prompt = encode(tokenizer, PROMPT, 256)
    ids = torch.tensor([prompt + tokenizer(TEXT).input_ids])
    labels = ids.clone()
    labels[:, : len(prompt)] = -100
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    with torch.inference_mode():
        expected = np.exp(float(model(ids, labels=labels).loss))
    adapter = store.verified(store.names()[0])
    pairs = [(PROMPT, TEXT), (PROMPT, TEXT)]
    alone, adapted = perplexities(base, adapter, pairs, fast=False)
    assert alone == pytest.approx(expected, rel=1e-3)
    assert adapted > 1 and adapted != pytest.approx(alone, rel=1e-2)
    long = perplexities(
        base, adapter, [(Prompt(system="a" * 999, user="b"), "c" * 999)], fast=False
    )
    assert all(np.isfinite(long))
