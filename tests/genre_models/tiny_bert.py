"""A BERT of five layers, for tests in milliseconds."""

from __future__ import annotations

import torch

from genre_models.bert import Bert, Sizes

SIZES = Sizes(
    vocab_size=40,
    hidden_size=32,
    num_hidden_layers=5,
    num_attention_heads=2,
    intermediate_size=64,
    max_position_embeddings=128,
    type_vocab_size=2,
    layer_norm_eps=1e-12,
)


def small_bert() -> Bert:
    """With random weights, by torch's generator: as spread as before BERT is trained."""
    model = Bert(SIZES)
    for name, each in model.named_parameters():
        if each.ndim == 2:
            torch.nn.init.normal_(each, std=0.02)
        elif name.endswith("bias"):
            torch.nn.init.zeros_(each)
    return model.eval().requires_grad_(False)
