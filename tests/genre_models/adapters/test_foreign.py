"""Which sites a configuration of peft names, and what of it is more than plain LoRA."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from peft import LoraConfig
from peft.tuners.tuners_utils import check_target_module_exists

from genre_models.adapters.foreign import check_foreign, targeted
from genre_models.adapters.sites import LINEARS
from schemas.errors import ModelError
from tests.genre_models.adapters.conftest import BASE

SITES = [site for site, _, _ in BASE.sites(LINEARS, (0, 1))]
NAMES = st.lists(
    st.sampled_from([*LINEARS, *SITES, "mlp.up_proj", "proj", "layers.1.mlp.up_proj", "lm_head"]),
    max_size=4,
)
LAYERS = st.none() | st.integers(-1, 2) | st.lists(st.integers(-1, 2), max_size=2)


@given(
    names=NAMES.filter(len),
    excluded=st.none() | NAMES,
    layers=LAYERS,
    pattern=st.sampled_from([None, "layers", ["layers"]]),
)
def test_sites_are_those_that_peft_targets(
    names: list[str], excluded: list[str] | None, layers: Any, pattern: Any
) -> None:
    wish = {
        "target_modules": names,
        "exclude_modules": excluded,
        "layers_to_transform": layers,
        "layers_pattern": pattern if layers is not None else None,
    }
    config = LoraConfig(**wish)
    expected = frozenset(s for s in SITES if check_target_module_exists(config, s))
    assert targeted(wish, BASE) == expected


@pytest.mark.parametrize(
    "config",
    [
        {"target_modules": r"(.*_proj)*$"},
        {"target_modules": None},
        {"target_modules": ["q_proj"], "exclude_modules": "(a*)*b"},
    ],
)
def test_expressions_are_not_run(config: dict[str, Any]) -> None:
    assert targeted(config, BASE) is None


@pytest.mark.parametrize(
    "change",
    [
        {"auto_mapping": {"base_model_class": "os.system", "unsloth_fixed": True}},
        {"init_lora_weights": "eva", "eva_config": {"rho": 1.0}},
        {"init_lora_weights": True, "corda_config": {"corda_method": "kpm"}},
        {"qalora_group_size": 64, "megatron_core": "megatron.core", "runtime_config": {"x": 1}},
        {"velora_config": {"num_groups": 8}, "ensure_weight_tying": True, "inference_mode": False},
        {"something_new": None, "another": False, "third": []},
        {"use_rslora": True, "lora_alpha": 16.5, "task_type": None},
    ],
)
def test_what_has_no_effect_is_accepted(change: dict[str, Any]) -> None:
    check_foreign({"peft_type": "LORA", "bias": "none", "r": 8, "lora_alpha": 16} | change)


@pytest.mark.parametrize("key", ["use_dora", "use_qalora", "lora_bias", "something_new"])
@pytest.mark.parametrize("value", [True, {"a": 1}, [1], "on", float("nan"), 16])
def test_what_may_have_an_effect_is_refused_by_name(key: str, value: Any) -> None:
    config = {"peft_type": "LORA", "bias": "none", "r": 8, "lora_alpha": 16, key: value}
    with pytest.raises(ModelError, match=key):
        check_foreign(config)
