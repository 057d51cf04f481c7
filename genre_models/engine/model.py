"""What an engine computes with: a model over keys and values in slots.

A prompt goes into one slot, a token into each of the first.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

import torch

from genre_models.adapters import Adapter
from genre_models.bases.architectures import supports
from genre_models.bases.checks import check_memory
from genre_models.bases.facts import Facts
from genre_models.engine.mixture import Blend, Weights
from genre_models.engine.sampling import Reader
from genre_models.engine.slots import Slots


class Model(Protocol):
    """A causal language model, with adapters, on the CPU.

    Its numbers for a row do not depend on the other rows as long as their number is a
    multiple of `multiple`.
    """

    slots: Slots
    context: int  # most positions of a row
    reader: Reader  # of its logits
    multiple: int  # of rows, for which a row's numbers do not depend on the others

    def prepare(self, adapter: Adapter) -> Weights:
        """An adapter as this model wants it in memory."""

    def mix(self, rows: Sequence[Blend]) -> None:
        """Row i of every following `decode` uses `rows[i]`."""

    def prefill(
        self, tokens: torch.Tensor, slot: int, start: int, blend: Blend, *, every: bool = False
    ) -> torch.Tensor:
        """Logits [1, vocab] after `tokens` [n] at a slot's positions from `start` on.

        [n, vocab] with `every`.
        """

    def decode(self, tokens: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
        """Logits [rows, vocab] after one more token in each of the first slots.

        Both arguments are [rows].
        """


def load_model(
    base: Path, *, slots: int, context: int, fast: bool, device: str = "cpu"
) -> tuple[Model, Any]:
    """(model, tokenizer) of a prepared folder; `fast` is int8 if the model has it, else exact.

    On another device than the CPU all models are exact, in bf16, by transformers.
    Raises ModelError `base_too_large`, or `base_unavailable` where tensors are missing.
    """
    from transformers import AutoConfig, AutoTokenizer

    from genre_models.engine.llama import Llama
    from genre_models.engine.native_llama import NativeLlama
    from genre_models.engine.transformers_model import TransformersModel

    facts = Facts.of(base)
    if device == "cpu":
        check_memory(facts.memory(fast=fast), _remedy(facts, fast=fast))
    config = AutoConfig.from_pretrained(base, local_files_only=True)
    tokenizer = AutoTokenizer.from_pretrained(base, local_files_only=True)
    context = min(context, config.max_position_embeddings)
    if device != "cpu":
        return TransformersModel(base, slots=slots, context=context, device=device), tokenizer
    lean = supports(config, context)
    kernel = _kernel(config) if lean else None
    if kernel is not None:
        return NativeLlama(kernel, base, config, slots=slots, context=context, fast=fast), tokenizer
    if lean:
        return Llama(base, config, slots=slots, context=context, fast=fast), tokenizer
    return TransformersModel(base, slots=slots, context=context), tokenizer


def arithmetic(base: Path) -> str | None:
    """What computes a prepared folder's model in integers here, and its version; None: nothing."""
    from transformers import AutoConfig

    from genre_models.engine import linear
    from genre_models.engine.native.kernel import version

    config = AutoConfig.from_pretrained(base, local_files_only=True)
    if not supports(config):
        return None
    if _kernel(config) is not None:
        return f"kernel {version()}"
    return f"torch {torch.__version__.partition('+')[0]}, {linear.activation_levels()} levels"


def _kernel(config: Any) -> Any:
    """The kernel, for a model that it computes and where it could be compiled."""
    from genre_models.engine.native import load_kernel
    from genre_models.engine.native_llama import fits

    return load_kernel() if fits(config) else None


def end_tokens(base: Path, tokenizer: Any) -> frozenset[int]:
    """The tokens that end a text: the tokenizer's special ones, and all that the model names."""
    ends = set(tokenizer.all_special_ids)
    for file in ("config.json", "generation_config.json"):
        with suppress(FileNotFoundError):
            said = json.loads((base / file).read_bytes()).get("eos_token_id")
            ends.update(said if isinstance(said, list) else [] if said is None else [said])
    return frozenset(ends)


def _remedy(facts: Facts, *, fast: bool) -> str:
    smaller = "take a smaller one, or servers elsewhere with GENRE_ENGINE=openai"
    if fast or not facts.kernel:
        return smaller
    return f"GENRE_ENGINE=fast needs about {facts.memory(fast=True) / 1e9:.1f} GB; or {smaller}"
