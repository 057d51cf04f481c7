"""`adapter_config.json` as peft and the tools around it write it: what of it has an effect.

Once tensors are saved, they say where an adapter sits. The configuration says how they are scaled,
and whether anything but plain LoRA was trained.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from genre_models.adapters.config import INERT, check_start, scaling_of
from genre_models.adapters.sites import LINEARS, BaseSpec
from schemas.errors import ModelError

# Read here, or without effect on an adapter that is trained: what only training and initialising
# read, names of classes (never imported), settings of what is off unless another key is on.
KNOWN = {
    "r", "lora_alpha", "use_rslora", "init_lora_weights", "peft_type", "task_type", "bias",
    "target_modules", "exclude_modules", "layers_to_transform", "layers_pattern",
    "base_model_name_or_path", "revision", "inference_mode", "peft_version", "auto_mapping",
    "lora_dropout", "megatron_core", "qalora_group_size", "runtime_config", "ensure_weight_tying",
    "loftq_config", "eva_config", "corda_config", "lora_ga_config", "velora_config",
}  # fmt: skip
ALLOWED: dict[str, tuple[Any, ...]] = {
    "peft_type": ("LORA",),
    "task_type": ("CAUSAL_LM", None),
    "bias": ("none", None),
    "layers_pattern": ("layers", ["layers"], [], "", None),
    "use_rslora": (True, False, None),
}
ALL = "all-linear"


def check_foreign(config: Mapping[str, Any]) -> None:
    """Refuse, by name, what is more than plain LoRA.

    Raises ModelError `adapter_config` or `adapter_rank`.
    """
    wrong = [key for key, value in config.items() if key not in KNOWN and value not in INERT]
    wrong += [key for key, allowed in ALLOWED.items() if config.get(key) not in allowed]
    if wrong:
        told = ", ".join(_shown(key, config.get(key)) for key in sorted(wrong)[:5])
        raise ModelError(
            "adapter_config", f"expected plain LoRA for a causal language model, got {told}"
        )
    check_start(config)
    scaling_of(config)


def _shown(key: str, value: object) -> str:
    return f"{key[:40]!r}"[1:-1] + f" {value!r}"[:60]


def targeted(config: Mapping[str, Any], base: BaseSpec) -> frozenset[str] | None:
    """The sites that the configuration names, by peft's rules.

    None where a regular expression or peft's default for the architecture says it: an expression
    from outside may take for ever, and is not run. Raises ModelError `adapter_config`.
    """
    targets, exclude = config.get("target_modules"), config.get("exclude_modules")
    if isinstance(targets, str) and targets.lower() == ALL:
        targets = list(LINEARS)
    if not targets or isinstance(targets, str) or (exclude and isinstance(exclude, str)):
        return None
    layers = config.get("layers_to_transform")
    layers = [layers] if type(layers) is int else layers or range(base.layers)
    named, left_out = _names("target_modules", targets), _names("exclude_modules", exclude or [])
    if isinstance(layers, list) and not all(type(layer) is int for layer in layers):
        raise ModelError(
            "adapter_config", f"expected layers_to_transform as numbers, got {str(layers)[:60]}"
        )
    return frozenset(
        site
        for layer in range(base.layers)
        for site, _, _ in base.sites(LINEARS, (layer,))
        # A full name counts whatever the layers say.
        if (site in named or (layer in layers and _ends(site, named)))
        and not (site in left_out or _ends(site, left_out))
    )


def _names(key: str, names: Any) -> frozenset[str]:
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ModelError("adapter_config", f"expected {key} as names, got {str(names)[:60]}")
    return frozenset(names)


def _ends(site: str, names: Iterable[str]) -> bool:
    return any(site.endswith(f".{name}") for name in names)
