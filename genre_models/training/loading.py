"""A base model as trainings want it: its tokenizer, and its upper layers with a fresh adapter."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils.logging import disable_progress_bar

from genre_models.bases.checks import check_memory
from genre_models.bases.facts import Facts
from genre_models.training.recipe import Recipe
from genre_models.training.top_half import TopHalf
from schemas.errors import ModelError


def load_half(base: Path, recipe: Recipe, *, threads: int, device: str) -> tuple[Any, TopHalf]:
    """(tokenizer, half) of a prepared folder, on a device as `device_of` names it.

    Raises ModelError `base_untrainable` or `base_too_large`.
    """
    check_trainable(Facts.of(base))
    disable_progress_bar()
    torch.set_num_threads(threads)
    tokenizer = AutoTokenizer.from_pretrained(base, local_files_only=True)
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32, local_files_only=True)
    return tokenizer, TopHalf(model.to(device), recipe)


def check_trainable(facts: Facts) -> None:
    """Raises ModelError `base_untrainable` or `base_too_large`."""
    if not facts.kernel:
        raise ModelError(
            "base_untrainable",
            f"expected a base model built like Llama to train adapters on, got "
            f"{facts.architecture}: set GENRE_BASE to another one",
        )
    check_memory(facts.memory(fast=False), "train where there is more, or on a smaller one")
