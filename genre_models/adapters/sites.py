"""Where a LoRA adapter may sit in a base model, from the model's configuration alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from schemas.errors import ModelError

ATTENTION = ("q_proj", "k_proj", "v_proj", "o_proj")
MLP = ("gate_proj", "up_proj", "down_proj")
LINEARS = ATTENTION + MLP


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseSpec:
    """Shape and fingerprint of a Llama-like base model: seven linears a layer."""

    fingerprint: str
    layers: int
    hidden: int
    intermediate: int
    query: int
    key_value: int

    @classmethod
    def load(cls, base: Path) -> BaseSpec:
        """Read a prepared base folder. Raises ModelError `base_unavailable`."""
        try:
            config = json.loads((base / "config.json").read_bytes())
            return cls.of(config, (base / "fingerprint.txt").read_text().strip())
        except (OSError, ValueError, KeyError) as error:
            raise ModelError(
                "base_unavailable",
                f"expected a prepared base model in {base}, got {error!r}: run `genre prepare`",
            ) from error

    @classmethod
    def of(cls, config: dict[str, Any], fingerprint: str) -> BaseSpec:
        heads, hidden = config["num_attention_heads"], config["hidden_size"]
        width = config.get("head_dim") or hidden // heads
        return cls(
            fingerprint=fingerprint,
            layers=config["num_hidden_layers"],
            hidden=hidden,
            intermediate=config["intermediate_size"],
            query=heads * width,
            key_value=(config.get("num_key_value_heads") or heads) * width,
        )

    def features(self, linear: str) -> tuple[int, int]:
        """(inputs, outputs) of one of the seven linears."""
        return {
            "q_proj": (self.hidden, self.query),
            "k_proj": (self.hidden, self.key_value),
            "v_proj": (self.hidden, self.key_value),
            "o_proj": (self.query, self.hidden),
            "gate_proj": (self.hidden, self.intermediate),
            "up_proj": (self.hidden, self.intermediate),
            "down_proj": (self.intermediate, self.hidden),
        }[linear]

    def sites(
        self, linears: tuple[str, ...], layers: tuple[int, ...]
    ) -> Iterator[tuple[str, int, int]]:
        """Each site of an adapter for these linears and layers: (module path, inputs, outputs)."""
        for layer in layers:
            for linear in linears:
                block = "self_attn" if linear in ATTENTION else "mlp"
                yield f"model.layers.{layer}.{block}.{linear}", *self.features(linear)
