"""The layers of BERT (Devlin et al. 2019, section 3), under the names that their weights have in
files.

The library transformers has them, too, and brings what generation and compiling need: to a process
that only encodes texts 130 MB and some seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

import msgspec
from torch import Tensor, nn
from torch.nn.functional import gelu, scaled_dot_product_attention

_Size = Annotated[int, msgspec.Meta(ge=1)]
_UNUSED = ("pooler.", "embeddings.position_ids")  # in files: the head of pretraining, and 0, 1, ...


class Sizes(msgspec.Struct, frozen=True, kw_only=True):
    """What is needed of a BERT's config.json."""

    vocab_size: _Size
    hidden_size: _Size
    num_hidden_layers: _Size
    num_attention_heads: _Size
    intermediate_size: _Size
    max_position_embeddings: _Size
    type_vocab_size: _Size
    layer_norm_eps: Annotated[float, msgspec.Meta(gt=0)]
    hidden_act: Literal["gelu"] = "gelu"
    hidden_dropout_prob: float = 0.1
    model_type: Literal["bert"] = "bert"

    def __post_init__(self) -> None:
        if self.hidden_size % self.num_attention_heads:
            raise ValueError(
                f"expected heads that divide a width of {self.hidden_size}, "
                f"got {self.num_attention_heads}"
            )


class Bert(nn.Module):
    """States of tokens, layer by layer; without weights until some are loaded."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.sizes = sizes
        self.embeddings = _Embeddings(sizes)
        layers = [_Layer(sizes) for _ in range(sizes.num_hidden_layers)]
        self.encoder = nn.ModuleDict({"layer": nn.ModuleList(layers)})

    @property
    def layers(self) -> nn.ModuleList:
        """Each makes states [n, tokens, width] of states, and of a mask [n, 1, 1, tokens] that is
        true where there is a token; None where there is one everywhere.
        """
        found = self.encoder["layer"]
        assert isinstance(found, nn.ModuleList)
        return found

    def embedded(self, ids: Tensor) -> Tensor:
        """What the first layer is given for tokens.  # [n, tokens] -> [n, tokens, width]"""
        found: Tensor = self.embeddings(self.embeddings.word_embeddings(ids))
        return found

    def load(self, weights: Mapping[str, Tensor]) -> Bert:
        """Take weights as they are, without copying them, and stop dropping out. Raises
        RuntimeError where some are missing, unknown or of another shape.
        """
        used = {name: each for name, each in weights.items() if not name.startswith(_UNUSED)}
        self.load_state_dict(used, assign=True)
        return self.eval().requires_grad_(False)


class _Linear(nn.Linear):
    def reset_parameters(self) -> None:
        """Nothing: numbers that are replaced would take time, and memory until then."""


class _Embedding(nn.Embedding):
    def reset_parameters(self) -> None:
        """Nothing, as above."""


class _Embeddings(nn.Module):
    """What is added to tokens' words; all are of the first of two texts."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.word_embeddings = _Embedding(sizes.vocab_size, sizes.hidden_size)
        self.position_embeddings = _Embedding(sizes.max_position_embeddings, sizes.hidden_size)
        self.token_type_embeddings = _Embedding(sizes.type_vocab_size, sizes.hidden_size)
        self.LayerNorm = nn.LayerNorm(sizes.hidden_size, sizes.layer_norm_eps)

    def forward(self, words: Tensor) -> Tensor:
        places = self.position_embeddings.weight[: words.shape[1]]
        normed: Tensor = self.LayerNorm(words + places + self.token_type_embeddings.weight[0])
        return normed


class _Layer(nn.Module):
    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.attention = _Attention(sizes)
        self.intermediate = nn.ModuleDict(
            {"dense": _Linear(sizes.hidden_size, sizes.intermediate_size)}
        )
        self.output = _Output(sizes.intermediate_size, sizes)

    def forward(self, states: Tensor, mask: Tensor | None) -> Tensor:
        attended = self.attention(states, mask)
        found: Tensor = self.output(gelu(self.intermediate["dense"](attended)), attended)
        return found


class _Attention(nn.Module):
    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.heads = sizes.num_attention_heads
        width = sizes.hidden_size
        self.self = nn.ModuleDict({name: _Linear(width, width) for name in _PROJECTIONS})
        self.output = _Output(width, sizes)

    def forward(self, states: Tensor, mask: Tensor | None) -> Tensor:
        query, key, value = (
            self.self[name](states).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for name in _PROJECTIONS
        )
        attended = scaled_dot_product_attention(query, key, value, attn_mask=mask)
        found: Tensor = self.output(attended.transpose(1, 2).flatten(2), states)
        return found


_PROJECTIONS = ("query", "key", "value")


class _Output(nn.Module):
    """What a part of a layer adds to what it was given."""

    def __init__(self, width: int, sizes: Sizes) -> None:
        super().__init__()
        self.dense = _Linear(width, sizes.hidden_size)
        self.LayerNorm = nn.LayerNorm(sizes.hidden_size, sizes.layer_norm_eps)
        self.dropout = nn.Dropout(sizes.hidden_dropout_prob)

    def forward(self, found: Tensor, given: Tensor) -> Tensor:
        normed: Tensor = self.LayerNorm(self.dropout(self.dense(found)) + given)
        return normed
