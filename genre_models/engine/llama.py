"""A lean decoder for models built like Llama: Llama, SmolLM2, Mistral, Qwen2 and Qwen3.

It computes what transformers computes, with fewer and larger operations: query, key and value in
one matrix, gate and up in another, keys and values written in place, query heads grouped by their
key head so that nothing is repeated. The two halves that a rotary embedding turns together are
stored side by side, as the real and imaginary part of one complex number: a turn is one
multiplication. Queries and keys are permuted alike, so their products are unchanged.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch.nn import functional

from genre_models.adapters import Adapter
from genre_models.engine.linear import Exact, Fast, Linear
from genre_models.engine.mixture import Blend, Hot, Mixture, Site, Uniform, Weights
from genre_models.engine.sampling import Reader, TorchReader
from genre_models.engine.slots import Slots
from genre_models.engine.tensors import Tensors
from genre_models.memory import give_back

# rows; torch's matmuls give a row the same bits beside 3, 7, 11 ... others,
# but not beside 0, 1 or 2
MULTIPLE = 4
EMBEDDING, HEAD = "model.embed_tokens.weight", "lm_head.weight"
TURNED = ("q_proj", "k_proj")  # what a rotary embedding turns

Attention = Callable[[int, torch.Tensor, torch.Tensor], torch.Tensor]
"""(layer, queries [n, heads, width], pairs [n, 2, key heads, width]) -> [n, heads * width]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """The numbers of a configuration that a forward pass needs."""

    layers: int
    hidden: int
    heads: int
    key_heads: int
    width: int
    eps: float

    @classmethod
    def of(cls, config: Any) -> Shape:
        """From a transformers configuration."""
        heads = config.num_attention_heads
        return cls(
            layers=config.num_hidden_layers,
            hidden=config.hidden_size,
            heads=heads,
            key_heads=config.num_key_value_heads or heads,
            width=getattr(config, "head_dim", None) or config.hidden_size // heads,
            eps=config.rms_norm_eps,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One layer's weights, and where adapters may sit."""

    attention_norm: torch.Tensor
    mlp_norm: torch.Tensor
    query_norm: torch.Tensor | None
    key_norm: torch.Tensor | None
    qkv: tuple[Linear, Site]
    out: tuple[Linear, Site]
    gate_up: tuple[Linear, Site]
    down: tuple[Linear, Site]


class Llama:
    """A `Model` over weights read from a prepared folder; `fast` is int8."""

    multiple = MULTIPLE
    reader: Reader = TorchReader()

    def __init__(self, base: Path, config: Any, *, slots: int, context: int, fast: bool) -> None:
        self._shape = shape = Shape.of(config)
        self._fast, self.context = fast, context
        with Tensors(base) as tensors:
            # The largest matrices first, while nothing else is in memory.
            self._read_ends(tensors, tied=config.tie_word_embeddings)
            give_back()
            self._layers: list[Layer] = []
            for index in range(shape.layers):
                self._layers.append(self._layer(tensors, index))
                give_back()
            self._norm = tensors["model.norm.weight"]
        self._turns = _turns(config, context)
        self._hot = Hot(
            [
                site
                for layer in self._layers
                for _, site in (layer.qkv, layer.out, layer.gate_up, layer.down)
            ]
        )
        self.slots = Slots(
            layers=shape.layers,
            slots=slots,
            heads=shape.key_heads,
            width=shape.width,
            capacity=context,
        )

    def prepare(self, adapter: Adapter) -> Weights:
        """See Model. B of queries and keys is permuted as their weights are."""
        weights = Weights.of(adapter)
        paired = {
            path: (low, self._paired(high.T).T.contiguous())
            for path, (low, high) in weights.sites.items()
            if path.endswith(TURNED)
        }
        return replace(weights, sites={**weights.sites, **paired})

    def mix(self, rows: Sequence[Blend]) -> None:
        """See Model."""
        self._hot.mix(rows)

    def decode(self, tokens: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
        """See Model."""
        rows, heads = len(tokens), self._shape.key_heads
        visible = self.slots.visible(int(positions.max()) + 1)
        hidden = torch.arange(visible) > positions[:, None]
        mask = (
            torch.zeros(rows, visible)
            .masked_fill_(hidden, -torch.inf)
            .repeat_interleave(heads, 0)[:, None]
        )
        places = self.slots.places(torch.arange(rows), positions)

        def attend(layer: int, queries: torch.Tensor, pairs: torch.Tensor) -> torch.Tensor:
            self.slots.write(layer, places, pairs)
            keys, values = self.slots.read(layer, slice(0, rows), visible)
            grouped = queries.reshape(rows * heads, -1, self._shape.width)
            scores = torch.baddbmm(
                mask, grouped, keys.transpose(1, 2), alpha=self._shape.width**-0.5
            )
            return torch.bmm(scores.softmax(-1), values).view(rows, -1)

        return self._head(self._forward(tokens, positions, attend, self._hot))

    def prefill(
        self, tokens: torch.Tensor, slot: int, start: int, blend: Blend, *, every: bool = False
    ) -> torch.Tensor:
        """See Model."""
        positions = torch.arange(start, start + len(tokens))
        end = start + len(tokens)
        seen = torch.arange(end) <= positions[:, None]
        places = self.slots.places(torch.full_like(positions, slot), positions)

        def attend(layer: int, queries: torch.Tensor, pairs: torch.Tensor) -> torch.Tensor:
            self.slots.write(layer, places, pairs)
            keys, values = self.slots.read(layer, slice(slot, slot + 1), end)
            found = functional.scaled_dot_product_attention(
                queries.transpose(0, 1)[None],
                keys[None],
                values[None],
                attn_mask=seen,
                enable_gqa=True,
            )
            return found[0].transpose(0, 1).reshape(len(tokens), -1)

        hidden = self._forward(tokens, positions, attend, Uniform(blend))
        return self._head(hidden if every else hidden[-1:])

    def _forward(
        self, tokens: torch.Tensor, positions: torch.Tensor, attend: Attention, mixture: Mixture
    ) -> torch.Tensor:
        """[n, hidden] after the last norm."""
        x = self._embedding[tokens].float()
        turns = self._turns[positions][:, None]  # [n, 1, width / 2]
        for index, layer in enumerate(self._layers):
            mixed = _apply(layer.qkv, self._normed(x, layer.attention_norm), mixture)
            x = x + _apply(layer.out, attend(index, *self._heads(mixed, layer, turns)), mixture)
            gate, up = _apply(layer.gate_up, self._normed(x, layer.mlp_norm), mixture).chunk(2, -1)
            x = x + _apply(layer.down, functional.silu(gate).mul_(up), mixture)
        return self._normed(x, self._norm)

    def _heads(
        self, mixed: torch.Tensor, layer: Layer, turns: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Turned queries [n, heads, width] and pairs [n, 2, key heads, width].

        `mixed` is [n, outputs].
        """
        shape = self._shape
        parts = mixed.view(len(mixed), -1, shape.width)
        both = parts[:, : shape.heads + shape.key_heads]
        if layer.query_norm is not None and layer.key_norm is not None:
            both[:, : shape.heads] = self._normed(both[:, : shape.heads], layer.query_norm)
            both[:, shape.heads :] = self._normed(both[:, shape.heads :], layer.key_norm)
        torch.view_as_complex(both.view(*both.shape[:2], -1, 2)).mul_(turns)
        pairs = parts[:, shape.heads :].reshape(len(parts), 2, shape.key_heads, shape.width)
        return parts[:, : shape.heads], pairs

    def _normed(self, x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        return functional.rms_norm(x, weight.shape, weight, self._shape.eps)

    def _read_ends(self, tensors: Tensors, *, tied: bool) -> None:
        self._embedding = tensors.stored(EMBEDDING).clone()
        head = self._embedding if tied else tensors.stored(HEAD)
        self._head = self._linear([head], None, digits=2)

    def _layer(self, tensors: Tensors, index: int) -> Layer:
        path = f"model.layers.{index}"
        attention, mlp = f"{path}.self_attn", f"{path}.mlp"
        return Layer(
            attention_norm=tensors[f"{path}.input_layernorm.weight"],
            mlp_norm=tensors[f"{path}.post_attention_layernorm.weight"],
            query_norm=self._norm_of(tensors, f"{attention}.q_norm.weight"),
            key_norm=self._norm_of(tensors, f"{attention}.k_norm.weight"),
            qkv=self._fused(tensors, [f"{attention}.{name}_proj" for name in "qkv"]),
            out=self._fused(tensors, [f"{attention}.o_proj"], digits=2),
            gate_up=self._fused(tensors, [f"{mlp}.{name}_proj" for name in ("gate", "up")]),
            down=self._fused(tensors, [f"{mlp}.down_proj"], digits=2),
        )

    def _norm_of(self, tensors: Tensors, name: str) -> torch.Tensor | None:
        found = tensors.get(name)
        return None if found is None else _interleaved(found)

    def _fused(
        self, tensors: Tensors, paths: Sequence[str], digits: int = 1
    ) -> tuple[Linear, Site]:
        weights = [self._turned(path, tensors.stored(f"{path}.weight")) for path in paths]
        biases = [tensors.get(f"{path}.bias") for path in paths]
        given = [
            self._turned(path, bias)
            for path, bias in zip(paths, biases, strict=True)
            if bias is not None
        ]
        site = Site(
            inputs=weights[0].shape[1],
            parts=tuple((path, len(w)) for path, w in zip(paths, weights, strict=True)),
        )
        bias = torch.cat(given) if len(given) == len(paths) else None
        return self._linear(weights, bias, digits), site

    def _linear(
        self, weights: Sequence[torch.Tensor], bias: torch.Tensor | None, digits: int = 1
    ) -> Linear:
        """One matrix of those whose outputs follow each other."""
        wide = torch.cat(list(weights)).float()
        return Fast(wide, bias, digits=digits) if self._fast else Exact(wide, bias)

    def _turned(self, path: str, tensor: torch.Tensor) -> torch.Tensor:
        return self._paired(tensor) if path.endswith(TURNED) else tensor

    def _paired(self, tensor: torch.Tensor) -> torch.Tensor:
        """Rows [heads * width, ...] with the two halves of each head interleaved."""
        halves = tensor.view(-1, 2, self._shape.width // 2, *tensor.shape[1:])
        return halves.transpose(1, 2).reshape(tensor.shape)


def _apply(linear: tuple[Linear, Site], x: torch.Tensor, mixture: Mixture) -> torch.Tensor:
    matrix, site = linear
    y = matrix(x)
    mixture.add(site, x, y)
    return y


def _interleaved(tensor: torch.Tensor) -> torch.Tensor:
    """[width, ...] from (first half, second half) to pairs.

    >>> _interleaved(torch.arange(6)).tolist()
    [0, 3, 1, 4, 2, 5]
    """
    return torch.stack(tensor.chunk(2), 1).flatten(0, 1)


def _turns(config: Any, context: int) -> torch.Tensor:
    """The angle of each pair at a position: complex [context, width / 2].

    The modulus is 1 (times the attention scaling).
    """
    from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding

    angles = LlamaRotaryEmbedding(config)
    cos, sin = angles(torch.zeros(1), torch.arange(context)[None])
    half = cos.shape[-1] // 2
    return torch.complex(cos[0, :, :half].contiguous(), sin[0, :, :half].contiguous())
