"""How likely a model finds texts of a genre with an adapter and without: does it belong here?"""

from __future__ import annotations

from collections.abc import Sequence
from math import exp
from pathlib import Path

import torch

from genre_models.adapters import Adapter
from genre_models.engine.mixture import Blend
from genre_models.engine.model import load_model
from genre_models.engine.prompt import Prompt, encode

CONTEXT = 512  # tokens of a prompt and its text; what is longer is cut
PROMPT = 256


def perplexities(
    base: Path, adapter: Adapter, pairs: Sequence[tuple[Prompt, str]], *, fast: bool
) -> tuple[float, float]:
    """Perplexity a token of the pairs' texts after their prompts: (base alone, with the adapter).

    Loads the model.
    """
    model, tokenizer = load_model(base, slots=1, context=CONTEXT, fast=fast)
    blend: Blend = ((model.prepare(adapter), 1.0),)
    rows = [
        (
            encode(tokenizer, prompt, min(PROMPT, model.context // 2)),
            tokenizer(text, add_special_tokens=False, split_special_tokens=True).input_ids,
        )
        for prompt, text in pairs
    ]
    losses: list[list[torch.Tensor]] = [[], []]
    with torch.inference_mode():
        for prompt_ids, text_ids in rows:
            tokens = torch.tensor((prompt_ids + text_ids)[: model.context])
            for found, used in zip(losses, ((), blend), strict=True):
                logits = model.prefill(tokens[:-1], 0, 0, used, every=True)
                found.append(_losses(logits[len(prompt_ids) - 1 :], tokens[len(prompt_ids) :]))
    alone, adapted = (exp(min(float(torch.cat(each).mean()), 100.0)) for each in losses)
    return alone, adapted


def _losses(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Nats a token."""
    return torch.nn.functional.cross_entropy(logits, targets, reduction="none")
