"""Any other architecture, and any on a GPU: transformers' forward pass over slots and mixtures.

Exact only: fp32 on a CPU, bf16 elsewhere. Attention is replaced by one that reads the slots without
copying; linears of a layer add what the current mixture makes of their input.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import functional
from transformers import AttentionInterface, AutoModelForCausalLM

from genre_models.adapters import Adapter
from genre_models.adapters.sites import LINEARS
from genre_models.engine.llama import MULTIPLE
from genre_models.engine.mixture import Blend, Hot, Mixture, Site, Uniform, Weights
from genre_models.engine.sampling import Reader, TorchReader
from genre_models.engine.slots import Slots

NAME = "genre_slots"


class Past:
    """transformers' `past_key_values`: new pairs go to `places`, all visible ones come back."""

    def __init__(self, slots: Slots, places: torch.Tensor, rows: slice, visible: int) -> None:
        self._slots, self._places, self._rows, self._visible = slots, places, rows, visible

    def update(
        self, keys: torch.Tensor, values: torch.Tensor, layer: int, *_: Any, **__: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Store [rows, key heads, tokens, width]; returns [rows, key heads, visible, width]."""
        both = torch.stack((keys, values), 1)  # [rows, 2, heads, tokens, width]
        tokens = both.permute(0, 3, 1, 2, 4).flatten(0, 1)  # [n, 2, heads, width]
        self._slots.write(layer, self._places, tokens)
        every, each = self._slots.read(layer, self._rows, self._visible)
        shape = (-1, self._slots.heads, self._visible, self._slots.width)
        return every.view(shape), each.view(shape)


class Adapted(nn.Module):
    """A linear layer of the base model and what the current mixture adds to it."""

    mixture: Mixture = Uniform(())

    def __init__(self, linear: nn.Module, site: Site) -> None:
        super().__init__()
        self.linear, self.site = linear, site

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[rows, length, inputs] -> [rows, length, outputs]"""
        y: torch.Tensor = self.linear(x)
        self.mixture.add(self.site, x.flatten(0, -2), y.view(-1, y.shape[-1]))
        return y


class TransformersModel:
    """A `Model` for every causal language model; adapters where linears are named as Llama's.

    The numbers of a row may differ in the last bits beside 4 and beside 8 others where
    transformers' own operations do (Gemma 3).
    """

    multiple = MULTIPLE
    reader: Reader = TorchReader()

    def __init__(self, base: Path, *, slots: int, context: int, device: str = "cpu") -> None:
        from transformers.utils.logging import disable_progress_bar

        disable_progress_bar()
        self.context, self._device, self._dtype = context, device, precision(device)
        model: Any = AutoModelForCausalLM.from_pretrained(
            base, dtype=self._dtype, local_files_only=True
        )
        self._model = model.eval().to(device)
        AttentionInterface.register(NAME, _attention)
        self._model.set_attn_implementation(NAME)
        self._adapted = _adapt(self._model)
        self._hot = Hot([each.site for each in self._adapted], device, self._dtype)
        config = self._model.config
        heads = config.num_attention_heads
        self.slots = Slots(
            layers=config.num_hidden_layers,
            slots=slots,
            heads=getattr(config, "num_key_value_heads", None) or heads,
            width=getattr(config, "head_dim", None) or config.hidden_size // heads,
            capacity=context,
            device=device,
            dtype=self._dtype,
        )

    def prepare(self, adapter: Adapter) -> Weights:
        """See Model."""
        return Weights.of(adapter).to(self._device, self._dtype)

    def mix(self, rows: Sequence[Blend]) -> None:
        """See Model."""
        self._hot.mix(rows)

    def prefill(
        self, tokens: torch.Tensor, slot: int, start: int, blend: Blend, *, every: bool = False
    ) -> torch.Tensor:
        """See Model."""
        positions = torch.arange(start, start + len(tokens), device=self._device)
        visible = start + len(tokens)
        places = self.slots.places(torch.full_like(positions, slot), positions)
        past = Past(self.slots, places, slice(slot, slot + 1), visible)
        seen = (torch.arange(visible, device=self._device) <= positions[:, None])[None, None]
        logits = self._forward(tokens[None], positions[None], seen, past, Uniform(blend))[0]
        return logits if every else logits[-1:]

    def decode(self, tokens: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
        """See Model."""
        rows, visible = len(tokens), self.slots.visible(int(positions.max()) + 1)
        positions = positions.to(self._device)
        places = self.slots.places(torch.arange(rows, device=self._device), positions)
        past = Past(self.slots, places, slice(0, rows), visible)
        seen = (torch.arange(visible, device=self._device) <= positions[:, None])[:, None, None]
        return self._forward(tokens[:, None], positions[:, None], seen, past, self._hot)[:, -1]

    def _forward(
        self,
        tokens: torch.Tensor,
        positions: torch.Tensor,
        seen: torch.Tensor,
        past: Past,
        mixture: Mixture,
    ) -> torch.Tensor:
        """Logits [rows, tokens, vocab] after `tokens` [rows, tokens], where samples are drawn."""
        for linear in self._adapted:
            linear.mixture = mixture
        logits: torch.Tensor = self._model(
            input_ids=tokens.to(self._device),
            position_ids=positions,
            attention_mask=seen,
            past_key_values=past,
        ).logits
        return _home(logits)


def precision(device: str) -> torch.dtype:
    """That of exact mode: a GPU computes bf16 many times faster than fp32."""
    return torch.float32 if device == "cpu" else torch.bfloat16


def _home(logits: torch.Tensor) -> torch.Tensor:
    return logits.to("cpu", torch.float32)


def _adapt(model: nn.Module) -> list[Adapted]:
    found = [
        (path, module)
        for path, module in model.named_modules()
        if path.rpartition(".")[2] in LINEARS
    ]
    adapted = []
    for path, linear in found:
        site = Site(inputs=linear.in_features, parts=((path, linear.out_features),))
        adapted.append(Adapted(linear, site))
        model.set_submodule(path, adapted[-1])
    return adapted


def _attention(
    module: nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor,
    scaling: float | None = None,
    sliding_window: int | None = None,
    **_: Any,
) -> tuple[torch.Tensor, None]:
    """Attention as transformers calls it, within a layer's window where it has one.

    Of queries [rows, query heads, tokens, width] over [rows, key heads, visible, width]. One token
    a row takes plain matmuls: on its second thread, torch's fused kernel gives a row other bits.
    """
    rows, heads, tokens, width = query.shape
    if sliding_window is not None:
        attention_mask = _within(attention_mask, sliding_window)
    scaling = width**-0.5 if scaling is None else scaling
    if tokens > 1 or rows == 1:
        found = functional.scaled_dot_product_attention(
            query, key, value, attn_mask=attention_mask, scale=scaling, enable_gqa=True
        )
        return found.transpose(1, 2), None
    query = query.reshape(rows, key.shape[1], heads // key.shape[1], width) * scaling
    scores = (query @ key.transpose(-1, -2)).masked_fill_(~attention_mask, -torch.inf)
    return (scores.softmax(-1) @ value).reshape(rows, tokens, heads, width), None


def _within(seen: torch.Tensor, window: int) -> torch.Tensor:
    """What of `seen` [..., tokens, visible] lies among each token's newest `window` positions.

    >>> _within(torch.ones(3, 3, dtype=torch.bool).tril(), 2).int().tolist()
    [[1, 0, 0], [1, 1, 0], [0, 1, 1]]
    """
    places = torch.arange(seen.shape[-1], device=seen.device)
    return seen & (places >= seen.sum(-1, keepdim=True) - window)
