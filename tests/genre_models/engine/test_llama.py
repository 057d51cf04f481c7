"""The lean decoder against transformers and peft, for every architecture that it claims, exact and
fast."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from transformers import (
    AutoModelForCausalLM,
    Gemma3TextConfig,
    GPTNeoXConfig,
    LlamaConfig,
    MistralConfig,
    OlmoConfig,
    PretrainedConfig,
    Qwen2Config,
    Qwen3Config,
)

from genre_models.adapters import AdapterName, AdapterStore, BaseSpec
from genre_models.engine.llama import Llama
from genre_models.engine.mixture import Blend
from genre_models.engine.model import Model, load_model
from genre_models.engine.transformers_model import TransformersModel
from tests.genre_models.tiny import make_adapter, make_tokenizer

SIZES: dict[str, Any] = {
    "vocab_size": 259,
    "hidden_size": 48,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 6,
    "num_key_value_heads": 2,
    "max_position_embeddings": 512,
    "initializer_range": 0.2,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": 0,
}
LLAMA3 = {
    "rope_type": "llama3",
    "rope_theta": 10_000.0,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 64,
}
LEAN: dict[str, PretrainedConfig] = {
    "llama": LlamaConfig(**SIZES, attention_bias=True),
    "llama3_tied": LlamaConfig(**SIZES, rope_parameters=LLAMA3, tie_word_embeddings=True),
    "mistral": MistralConfig(**SIZES, sliding_window=512),
    "qwen2": Qwen2Config(**SIZES),
    "qwen3": Qwen3Config(**SIZES, head_dim=16),
}
OTHER: dict[str, PretrainedConfig] = {
    "olmo": OlmoConfig(**SIZES),
    "mistral_window": MistralConfig(**SIZES, sliding_window=8),
    "gemma3": Gemma3TextConfig(
        **SIZES,
        head_dim=16,
        query_pre_attn_scalar=24,
        sliding_window=8,
        layer_types=["sliding_attention", "full_attention"],
    ),
}
ROUNDED = {"gemma3"}  # its norms in transformers round a row otherwise beside more rows
# No linears by the names of Llama's: no adapters.
ALONE: dict[str, PretrainedConfig] = {
    "gpt_neox": GPTNeoXConfig(
        **{name: size for name, size in SIZES.items() if name != "num_key_value_heads"}
    ),
}
TOKENS = torch.randint(3, 259, (40,), generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module", params=[*LEAN, *OTHER])
def base(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp(request.param)
    torch.manual_seed(0)
    config = (LEAN | OTHER | ALONE)[request.param]
    AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    make_tokenizer().save_pretrained(folder)
    (folder / "fingerprint.txt").write_text(f"{0:064x}\n")
    return folder


@pytest.fixture(scope="module")
def store(base: Path, tmp_path_factory: pytest.TempPathFactory) -> AdapterStore:
    spec, folder = BaseSpec.load(base), tmp_path_factory.mktemp("adapters")
    store = AdapterStore(folder / "store", spec)
    for seed, genre in enumerate(("joke", "poetry"), 1):
        store.add(make_adapter(folder / genre, spec, genre, seed))
    return store


@pytest.fixture(autouse=True)
def _inference() -> Iterator[None]:
    torch.set_num_threads(1)
    with torch.inference_mode():
        yield


def loaded(base: Path, *, fast: bool = False) -> Model:
    return load_model(base, slots=17, context=512, fast=fast)[0]


def blend_of(model: Model, store: AdapterStore, weights: tuple[float, ...]) -> Blend:
    return tuple(
        (model.prepare(store.verified(name)), weight)
        for name, weight in zip(store.names(), weights, strict=False)
    )


def reference(base: Path, store: AdapterStore, weights: tuple[float, ...]) -> torch.Tensor:
    """Logits [40, vocab] of transformers, with peft's concatenated blend."""
    model: Any = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32).eval()
    folders = [store.path(AdapterName.parse(str(name))) for name in store.names()][: len(weights)]
    for index, folder in enumerate(folders):
        if index == 0:
            model = PeftModel.from_pretrained(model, folder, adapter_name="a0")
        else:
            model.load_adapter(folder, adapter_name=f"a{index}")
    if folders:
        names = [f"a{index}" for index in range(len(weights))]
        model.add_weighted_adapter(names, list(weights), "blend", combination_type="cat")
        model.set_adapter("blend")
    logits: torch.Tensor = model(TOKENS[None]).logits[0]
    return logits


@pytest.mark.parametrize("weights", [(), (1.0,), (0.7, 0.6)])
def test_logits_are_those_of_transformers_and_peft(
    base: Path, store: AdapterStore, weights: tuple[float, ...]
) -> None:
    model, expected = loaded(base), reference(base, store, weights)
    assert isinstance(model, TransformersModel if base.name[:-1] in OTHER else Llama)
    blend = blend_of(model, store, weights)
    other = blend_of(model, store, (0.0, 1.0))[1:]
    first = model.prefill(TOKENS[:17], 16, 0, blend, every=True)
    second = model.prefill(TOKENS[17:30], 16, 17, blend, every=True)
    assert torch.allclose(torch.cat((first, second)), expected[:30], atol=1e-3)
    for slot in range(4):
        model.slots.copy(16, slot, 30)
    model.mix([(), other, blend, other])
    for position in range(30, 40):
        logits = model.decode(TOKENS[position].repeat(4), torch.full((4,), position))
        assert torch.allclose(logits[2], expected[position], atol=1e-3)


@pytest.mark.parametrize("base", ALONE, indirect=True)
def test_logits_without_adapters_are_those_of_transformers(base: Path) -> None:
    model, expected = loaded(base), AutoModelForCausalLM.from_pretrained(base)(TOKENS[None]).logits
    found = [model.prefill(TOKENS[:30], 0, 0, (), every=True)]
    for slot in range(1, 4):
        model.slots.copy(0, slot, 30)
    model.mix([()] * 4)
    for position in range(30, 40):
        found.append(model.decode(TOKENS[position].repeat(4), torch.full((4,), position))[1:2])
    assert torch.allclose(torch.cat(found), expected[0], atol=1e-3)


def test_a_window_does_not_shorten_a_row(base: Path) -> None:
    assert loaded(base).context == 512


@pytest.mark.parametrize("fast", [False, True])
def test_a_row_has_the_same_bits_beside_any_others(
    base: Path, store: AdapterStore, fast: bool
) -> None:
    model = loaded(base, fast=fast)
    one, two = ((weights,) for weights in blend_of(model, store, (1.0, 0.5)))

    def logits(rows: int, place: int) -> torch.Tensor:
        others = torch.Generator().manual_seed(rows)
        for slot in range(rows):
            model.prefill(
                TOKENS[: 20 if slot == place else 5 + slot], slot, 0, one if slot == place else two
            )
        model.mix([one if slot == place else two for slot in range(rows)])
        tokens = torch.randint(3, 259, (rows,), generator=others)
        positions = torch.tensor([20 if slot == place else 5 + slot for slot in range(rows)])
        tokens[place] = 77
        return model.decode(tokens, positions)[place]

    expected = logits(4, 0)
    found = [logits(rows, place) for rows, place in ((4, 3), (8, 5), (16, 9))]
    if base.name[:-1] in ROUNDED:
        assert all(torch.allclose(row, expected, atol=1e-5) for row in found)
    else:
        assert all(torch.equal(row, expected) for row in found)


@pytest.mark.parametrize("base", LEAN, indirect=True)
def test_fast_logits_are_close(base: Path, store: AdapterStore) -> None:
    fast, exact = loaded(base, fast=True), loaded(base)
    pairs = [
        model.prefill(TOKENS, 0, 0, blend_of(model, store, (1.0,)), every=True)
        for model in (fast, exact)
    ]
    nats = [pair.log_softmax(-1) for pair in pairs]
    drift = (nats[1].exp() * (nats[1] - nats[0])).sum(-1).mean()
    assert 0 < drift < 0.1
