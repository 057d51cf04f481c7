"""`adapter_config.json`: plain LoRA, with everything else that peft understands switched off."""

from __future__ import annotations

from typing import Any

from genre_models.adapters.files import CONFIG, read_object
from genre_models.adapters.sites import LINEARS, BaseSpec
from schemas.errors import ModelError

RANKS = (4, 8, 16)
INERT: tuple[Any, ...] = (None, False, 0, 0.0, [], {}, "", "none")
# peft writes these whether used or not
UNREAD = {"megatron_core": "megatron.core", "qalora_group_size": 16}
ALLOWED = {
    "peft_type",
    "task_type",
    "base_model_name_or_path",
    "revision",
    "inference_mode",
    "peft_version",
}
ALLOWED |= {
    "r",
    "lora_alpha",
    "lora_dropout",
    "target_modules",
    "layers_to_transform",
    "bias",
    "fan_in_fan_out",
}
ALLOWED |= {"init_lora_weights", "layers_pattern"}


def read_config(data: bytes) -> dict[str, Any]:
    """The configuration. Raises ModelError `adapter_config` or `adapter_rank`."""
    config = read_object(data, "adapter_config", CONFIG)
    wrong = sorted(
        key
        for key, value in config.items()
        if key not in ALLOWED and value not in (*INERT, UNREAD.get(key))
    )
    wrong += [
        key for key, value in (("peft_type", "LORA"), ("bias", "none")) if config.get(key) != value
    ]
    wrong += [key for key in ("fan_in_fan_out", "layers_pattern") if config.get(key) not in INERT]
    if wrong:
        raise ModelError(
            "adapter_config",
            f"expected a plain LoRA configuration, got a value for {', '.join(wrong)}",
        )
    rank, alpha = config.get("r"), config.get("lora_alpha")
    if type(rank) is not int or rank not in RANKS:
        raise ModelError("adapter_rank", f"expected a rank of {RANKS}, got {rank!r}")
    if isinstance(alpha, bool) or not isinstance(alpha, int | float) or not 0 < alpha <= 8 * rank:
        raise ModelError(
            "adapter_config", f"expected lora_alpha above 0 and at most {8 * rank}, got {alpha!r}"
        )
    return config


def targets(config: dict[str, Any], base: BaseSpec) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """(linears, layers) that the configuration names."""
    linears = config.get("target_modules")
    layers = config.get("layers_to_transform")
    layers = list(range(base.layers)) if layers is None else layers
    if not isinstance(linears, list) or not linears or not all(name in LINEARS for name in linears):
        raise ModelError(
            "adapter_config",
            f"expected target_modules out of {', '.join(LINEARS)}, got {linears!r}",
        )
    if (
        not isinstance(layers, list)
        or not layers
        or not all(type(n) is int and 0 <= n < base.layers for n in layers)
    ):
        raise ModelError(
            "adapter_config", f"expected layers 0 to {base.layers - 1}, got {layers!r}"
        )
    return tuple(sorted(set(linears))), tuple(sorted(set(layers)))
