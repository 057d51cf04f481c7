"""Which models are built like Llama: the engine's own decoder computes them, adapters train there.

Without torch, so that whoever only asks does not load it.
"""

from __future__ import annotations

from typing import Any

ARCHITECTURES = {"LlamaForCausalLM", "MistralForCausalLM", "Qwen2ForCausalLM", "Qwen3ForCausalLM"}
CONTEXT = 1024  # most tokens of a row's prompt and text, where nobody says another number
STATIC_ROPES = {"default", "linear", "llama3"}


def supports(config: Any, context: int = CONTEXT) -> bool:
    """Whether a model with this configuration, as transformers reads it, is one of them.

    On rows of `context` tokens: within its window, sliding attention is plain attention.
    """
    architecture = (config.architectures or [""])[0]
    rope = (getattr(config, "rope_parameters", None) or {}).get("rope_type", "default")
    context = min(context, config.max_position_embeddings)
    plain = context <= (getattr(config, "sliding_window", None) or context)
    known = architecture in ARCHITECTURES and rope in STATIC_ROPES
    return known and config.hidden_act == "silu" and plain
