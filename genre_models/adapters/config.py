"""`adapter_config.json`: plain LoRA, with everything else that peft understands switched off."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import sqrt
from typing import Any

from genre_models.adapters.files import CONFIG, read_object
from genre_models.adapters.sites import LINEARS, BaseSpec
from schemas.errors import ModelError

RANKS = range(1, 65)  # a blend of two of the widest still fits into a step of 128 ranks
SCALE = 64  # most that alpha / rank may be: alpha 32 is common at any rank, 1 included
# initialisations that take out of the base what they put into the adapter: it fits no other base
CHANGE_BASE = ("pissa", "olora", "corda", "loftq", "lora_ga")
KEEP_BASE = (None, True, False, "gaussian", "eva", "orthogonal", "mica")
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
    check_start(config)
    scaling_of(config)
    return config


def check_start(config: Mapping[str, Any]) -> None:
    """Raises ModelError `adapter_config` for an initialisation that changes the base model."""
    start = config.get("init_lora_weights")
    if isinstance(start, str) and start.lower().startswith(CHANGE_BASE):
        raise ModelError(
            "adapter_config",
            f"expected an adapter of the unchanged base, got init_lora_weights {start[:40]!r}, "
            "which changes the base's weights: save it again as plain LoRA "
            "(peft: path_initial_model_for_weight_conversion)",
        )
    if start not in KEEP_BASE:
        raise ModelError(
            "adapter_config",
            f"expected init_lora_weights that leave the base as it is, got {str(start)[:40]!r}",
        )


def scaling_of(config: Mapping[str, Any]) -> float:
    """What B A x is multiplied by: alpha / rank, or with rsLoRA alpha / sqrt(rank).

    Raises ModelError `adapter_rank` or `adapter_config`.
    """
    rank, alpha = config.get("r"), config.get("lora_alpha")
    if type(rank) is not int or rank not in RANKS:
        raise ModelError(
            "adapter_rank",
            f"expected a rank r from {RANKS[0]} to {RANKS[-1]}, got {str(rank)[:40]}",
        )
    over = sqrt(rank) if config.get("use_rslora") else rank
    if (
        isinstance(alpha, bool)
        or not isinstance(alpha, int | float)
        or not 0 < alpha <= SCALE * over
    ):
        raise ModelError(
            "adapter_config",
            f"expected lora_alpha above 0 and at most {SCALE * over:g}, got {str(alpha)[:40]}",
        )
    return float(alpha / over)


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


def plain_config(sites: Iterable[str], rank: int, alpha: float) -> dict[str, Any]:
    """A standard PEFT configuration for module paths, without the options that are off."""
    parts = [site.split(".") for site in sites]
    return {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": None,
        "inference_mode": True,
        "r": rank,
        "lora_alpha": alpha,
        "lora_dropout": 0.0,
        "bias": "none",
        "target_modules": sorted({part[-1] for part in parts}),
        "layers_to_transform": sorted({int(part[part.index("layers") + 1]) for part in parts}),
    }
