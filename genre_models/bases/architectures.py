"""Which models are built like Llama: the engine's own decoder computes them, adapters train there.

Without torch, so that whoever only asks does not load it.
"""

from __future__ import annotations

from typing import Any

ARCHITECTURES = {"LlamaForCausalLM", "MistralForCausalLM", "Qwen2ForCausalLM", "Qwen3ForCausalLM"}
STATIC_ROPES = {"default", "linear", "llama3"}


def supports(config: Any) -> bool:
    """Whether a model with this configuration, as transformers reads it, is one of them."""
    architecture = (config.architectures or [""])[0]
    rope = (getattr(config, "rope_parameters", None) or {}).get("rope_type", "default")
    return architecture in ARCHITECTURES and rope in STATIC_ROPES and config.hidden_act == "silu"
