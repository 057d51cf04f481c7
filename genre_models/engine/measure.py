"""How likely a model finds texts of a genre with an adapter and without: does it belong here?"""

from __future__ import annotations

from collections.abc import Sequence
from math import exp
from pathlib import Path

from genre_models.adapters import Adapter
from genre_models.engine.fidelity import nats
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
    rows = []
    for prompt, text in pairs:
        asked = encode(tokenizer, prompt, min(PROMPT, model.context // 2))
        ids = tokenizer(text, add_special_tokens=False, split_special_tokens=True).input_ids
        rows.append((len(asked), (asked + ids)[: model.context]))
    tokens = sum(len(ids) - after for after, ids in rows)
    alone, adapted = (
        exp(min(sum(nats(model, ids, used, after) for after, ids in rows) / tokens, 100.0))
        for used in ((), blend)
    )
    return alone, adapted
