"""Folders as peft and trainers write them, taken into the store."""

from __future__ import annotations

import os
import shutil
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import AutoConfig, AutoModelForCausalLM

from genre_models.adapters import About, AdapterStore, BaseSpec, read_adapter
from genre_models.adapters.files import CAPS, CARD, CONFIG, TENSORS
from genre_models.adapters.intake import Wanted, take
from genre_models.engine.llama import Llama
from genre_models.engine.mixture import Hot, Weights
from genre_models.engine.model import Model, load_model
from schemas.errors import ModelError
from tests.genre_models.adapters.conftest import code_of, edit
from tests.genre_models.tiny import make_adapter

JOKE = Wanted(genre="joke", family="humour", licence="MIT")
TOKENS = torch.randint(3, 259, (12,), generator=torch.Generator().manual_seed(0))
Q = "model.layers.1.self_attn.q_proj"


def saved(base: Path, folder: Path, *, dtype: torch.dtype | None = None, **config: Any) -> Path:
    """A folder by `save_pretrained` of peft, with weights that change the logits."""
    model: Any = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    given = {"r": 8, "target_modules": ["q_proj", "down_proj"], "task_type": "CAUSAL_LM"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        peft = get_peft_model(model, LoraConfig(**given | config))
        chance = torch.Generator().manual_seed(1)
        for name, weight in peft.named_parameters():
            if "lora_" in name:
                weight.data = torch.randn(weight.shape, generator=chance) * 0.2
                weight.data = weight.data.to(dtype or weight.dtype)
        peft.save_pretrained(folder)
    return folder


def peft_logits(base: Path, folder: Path) -> torch.Tensor:
    """Logits [12, vocab] of transformers with the folder as peft loads it."""
    model: Any = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        peft = PeftModel.from_pretrained(model, folder).eval()
    logits: torch.Tensor = peft(TOKENS[None]).logits[0]
    return logits


@pytest.fixture(scope="module")
def models(base: Path) -> list[Model]:
    """The kernel and torch, where adapters lie side by side."""
    config = AutoConfig.from_pretrained(base)
    torch_model = Llama(base, config, slots=5, context=64, fast=False)
    return [load_model(base, slots=5, context=64, fast=False)[0], torch_model]


@pytest.fixture(autouse=True)
def _inference() -> Any:
    torch.set_num_threads(1)
    with torch.inference_mode():
        yield


@pytest.fixture
def kept(base: Path, tmp_path: Path) -> AdapterStore:
    return AdapterStore(tmp_path / "store", BaseSpec.load(base))


SAVES: dict[str, dict[str, Any]] = {
    "plain": {},
    "rslora": {"use_rslora": True, "lora_alpha": 16},
    "bf16": {"dtype": torch.bfloat16},
    "rank 1": {"r": 1, "lora_alpha": 32},
    "rank 5": {"r": 5, "use_rslora": True},
    "rank 64": {"r": 64, "lora_alpha": 16},
    "one layer": {"layers_to_transform": 1},
    "all linear": {"target_modules": "all-linear"},
    "full names": {"target_modules": [Q, "model.layers.0.mlp.up_proj"]},
    "expression": {"target_modules": r".*\.1\.self_attn\.(q|v)_proj", "task_type": None},
    "excluded": {"exclude_modules": ["model.layers.0.self_attn.q_proj", "lm_head"]},
    "other starts": {"init_lora_weights": "gaussian", "lora_dropout": 0.1, "revision": "main"},
}


@pytest.mark.parametrize("config", SAVES.values(), ids=SAVES)
def test_what_peft_saves_has_pefts_logits(
    base: Path, models: list[Model], kept: AdapterStore, tmp_path: Path, config: dict[str, Any]
) -> None:
    folder = saved(base, tmp_path / "saved", **config)
    assert (folder / "README.md").exists() and code_of(lambda: kept.add(folder)) == "adapter_files"
    taken = take(folder, kept, JOKE)
    assert taken.line.startswith("taken: rank ") and "left out: README.md" in taken.line
    assert "cannot be checked" in taken.line and taken.line.isprintable()
    assert ("BF16" in taken.line) == ("dtype" in config)
    expected, adapter = peft_logits(base, folder), kept.verified(taken.name)
    for model in models:
        blend = ((model.prepare(adapter), 1.0),)
        logits = model.prefill(TOKENS[:10], 4, 0, blend, every=True)
        assert torch.allclose(logits, expected[:10], atol=1e-3)
        for slot in range(4):
            model.slots.copy(4, slot, 10)
        model.mix([(), blend, blend, blend])
        decoded = model.decode(TOKENS[10].repeat(4), torch.full((4,), 10))
        assert torch.allclose(decoded[1], expected[10], atol=1e-3)
        assert not torch.allclose(decoded[0], expected[10], atol=1e-3)
    # Everything after this works on three files that peft itself reads to the same effect.
    again = kept.path(taken.name)
    assert sorted(path.name for path in again.iterdir()) == sorted(CAPS)
    assert torch.allclose(peft_logits(base, again), expected, atol=1e-3)
    assert kept.add(again) == take(folder, kept, JOKE).name == taken.name


def test_ranks_of_any_size_lie_side_by_side(base: Path, kept: AdapterStore, tmp_path: Path) -> None:
    folders = [saved(base, tmp_path / str(rank), r=rank) for rank in (5, 6, 3, 1)]
    parts = [(Weights.of(kept.verified(take(folder, kept, JOKE).name)), 1.0) for folder in folders]
    Hot([]).mix([(part,) for part in parts])


def test_a_checkpoint_of_a_trainer_is_read_but_for_what_training_left(
    base: Path, kept: AdapterStore, tmp_path: Path
) -> None:
    folder = saved(base, tmp_path / "checkpoint-10")
    for name in ("optimizer.pt", "scheduler.pt", "rng_state.pth", "training_args.bin"):
        os.mkfifo(folder / name)  # whoever opened one would hang
    (folder / "tokenizer.json").write_text("{}")
    (folder / "a\x1b[2J.txt").touch()
    taken = take(folder, kept, JOKE)
    assert "and 4 more" in taken.line.partition("left out")[2] and taken.line.isprintable()
    with pytest.raises(ModelError, match="checkpoint-10"):
        take(tmp_path, kept, JOKE)


def test_links_of_a_cache_are_followed_for_a_person_only(
    base: Path, kept: AdapterStore, tmp_path: Path
) -> None:
    made = saved(base, tmp_path / "made")
    snapshot, blobs = tmp_path / "cache/snapshots/abc", tmp_path / "cache/blobs"
    snapshot.mkdir(parents=True)
    blobs.mkdir()
    for index, path in enumerate(sorted(made.iterdir())):
        path.rename(blobs / str(index))
        (snapshot / path.name).symlink_to(f"../../blobs/{index}")
    link = tmp_path / "link"
    link.symlink_to(snapshot)
    name = take(link, kept, JOKE).name
    assert not any(path.is_symlink() for path in kept.path(name).iterdir())
    ours = kept.path(name)
    for path in list(ours.iterdir()):
        path.rename(tmp_path / path.name)
        path.symlink_to(tmp_path / path.name)
    assert code_of(lambda: kept.add(ours)) == "adapter_has_link"
    assert code_of(lambda: kept.verified(name)) == "adapter_has_link"


def test_an_adapter_of_ours_keeps_its_name_and_one_with_a_card_needs_no_options(
    base: Path, kept: AdapterStore, tmp_path: Path
) -> None:
    folder = make_adapter(tmp_path / "joke", kept.base)
    name = read_adapter(folder, kept.base).name
    (folder / "README.md").write_text("hello")
    assert take(folder, kept, Wanted()).name == name
    edit(folder / CONFIG, use_rslora=False, qalora_group_size=32)
    other = take(folder, kept, Wanted()).name
    assert other.genre == "joke" and other != name
    again = take(
        folder, kept, Wanted(licence="CC-BY", about=About(description="d", instruction="i"))
    )
    card = kept.verified(again.name).card
    assert (card.family, card.licence, card.about and card.about.description) == (
        "humour",
        "CC-BY",
        "d",
    )


def test_what_is_not_said_is_asked_for(base: Path, kept: AdapterStore, tmp_path: Path) -> None:
    folder = saved(base, tmp_path / "saved")
    with pytest.raises(ModelError, match=r"expected genre.json.*--family, --licence:") as refused:
        take(folder, kept, Wanted(genre="joke"))
    assert refused.value.code == "adapter_card"
    wrong = Wanted(genre="../joke", family="humour", licence="MIT")
    assert code_of(lambda: take(folder, kept, wrong)) == "adapter_config"
    assert kept.names() == []


def test_the_makers_folders_stay_with_the_maker(
    base: Path, kept: AdapterStore, tmp_path: Path
) -> None:
    folder = saved(base, tmp_path / "saved")
    edit(folder / CONFIG, base_model_name_or_path="/home/bob/models/Tiny-1B", revision="v2")
    taken = take(folder, kept, JOKE)
    card = kept.verified(taken.name).card
    assert card.lineage.recipe["base"] == "Tiny-1B@v2" and "Tiny-1B@v2" in taken.line
    assert "bob" not in "".join(
        path.read_text("latin-1") for path in kept.path(taken.name).iterdir()
    )
    edit(folder / CONFIG, base_model_name_or_path="\x1b[2J", revision="\ud800", peft_version=[1])
    assert take(folder, kept, JOKE).line.isprintable()


HEAD = {"base_model.model.lm_head.weight": torch.ones(2)}
CONFIGS: list[tuple[dict[str, Any], str]] = [
    ({"init_lora_weights": "pissa_niter_4"}, "pissa_niter_4"),
    ({"init_lora_weights": "OLoRA"}, "OLoRA"),
    ({"init_lora_weights": "corda"}, "corda"),
    ({"init_lora_weights": "loftq"}, "loftq"),
    ({"init_lora_weights": "lora_ga"}, "lora_ga"),
    ({"init_lora_weights": "tomorrow"}, "tomorrow"),
    ({"init_lora_weights": ["pissa"]}, "pissa"),
    ({"use_dora": True}, "use_dora"),
    ({"use_qalora": True}, "use_qalora"),
    ({"kasa_config": {"beta": 1}}, "kasa_config"),
    ({"rank_pattern": {"q_proj": 4}}, "rank_pattern"),
    ({"alpha_pattern": {"q_proj": 4}}, "alpha_pattern"),
    ({"modules_to_save": ["lm_head"]}, "modules_to_save"),
    ({"trainable_token_indices": [1]}, "trainable_token_indices"),
    ({"bias": "lora_only"}, "bias"),
    ({"lora_bias": True}, "lora_bias"),
    ({"task_type": "SEQ_CLS"}, "task_type"),
    ({"peft_type": "LOHA"}, "peft_type"),
    ({"use_rslora": "yes"}, "use_rslora"),
    ({"layers_pattern": "h"}, "layers_pattern"),
    ({"fan_in_fan_out": True}, "fan_in_fan_out"),
    ({"surprise\x1b[2J": 1}, "surprise"),
    ({"lora_alpha": 0}, "lora_alpha"),
    ({"lora_alpha": True}, "lora_alpha"),
    ({"lora_alpha": 200, "use_rslora": True}, "lora_alpha"),
    ({"r": 65}, "1 to 64"),
    ({"r": 0}, "1 to 64"),
    ({"r": 4}, "lora_A"),
    ({"target_modules": [1]}, "target_modules"),
    ({"target_modules": {"a": 1}}, "target_modules"),
    ({"target_modules": ["q_proj"]}, "down_proj has tensors"),
    ({"target_modules": ["q_proj", "down_proj", "up_proj"]}, "up_proj has none"),
    ({"target_modules": "all-linear"}, "has none"),
    ({"exclude_modules": ["q_proj"]}, "q_proj has tensors"),
    ({"layers_to_transform": 0}, "has tensors"),
    ({"layers_to_transform": ["0"]}, "layers_to_transform"),
]


@pytest.fixture(scope="module")
def made(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return saved(base, tmp_path_factory.mktemp("made") / "saved")


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    """A copy of a folder that peft saved."""
    return shutil.copytree(made, tmp_path / "saved")


@pytest.mark.parametrize(("change", "named"), CONFIGS, ids=[str(each[0]) for each in CONFIGS])
def test_what_is_more_than_plain_lora_is_refused_by_name(
    kept: AdapterStore, folder: Path, change: dict[str, Any], named: str
) -> None:
    edit(folder / CONFIG, **change)
    with pytest.raises(ModelError) as refused:
        take(folder, kept, JOKE)
    message = refused.value.message
    assert named in message and message.isprintable() and "expected" in message
    assert not kept.root.exists() or not any(kept.root.iterdir())


@pytest.mark.parametrize("start", ["pissa", "olora"])
def test_a_start_that_changes_the_base_is_refused_in_the_store_too(
    base: Path, kept: AdapterStore, tmp_path: Path, start: str
) -> None:
    folder = make_adapter(tmp_path / "joke", kept.base, init_lora_weights=start)
    assert code_of(lambda: kept.add(folder)) == "adapter_config"


@pytest.mark.parametrize(
    ("change", "code", "named"),
    [
        (lambda t: t.update(rename(t, "layers.1", "layers.7")), "adapter_wrong_shape", "layers.7"),
        (lambda t: t.update(HEAD), "adapter_wrong_shape", "lm_head"),
        (lambda t: t.pop(f"base_model.model.{Q}.lora_A.weight"), "adapter_wrong_shape", Q),
        (lambda t: t.clear(), "adapter_wrong_shape", "has none"),
        (lambda t: widen(t, 96), "adapter_wrong_shape", "[8, 48]"),
        (lambda t: t.update({k: v.double() for k, v in t.items()}), "adapter_wrong_shape", "F64"),
        (lambda t: next(iter(t.values())).fill_(torch.inf), "adapter_not_finite", "lora_A"),
    ],
)  # fmt: skip
def test_tensors_of_another_model_are_refused_by_name(
    kept: AdapterStore,
    folder: Path,
    change: Callable[[dict[str, torch.Tensor]], object],
    code: str,
    named: str,
) -> None:
    tensors = load_file(folder / TENSORS)
    change(tensors)
    save_file(tensors, folder / TENSORS)
    with pytest.raises(ModelError) as refused:
        take(folder, kept, JOKE)
    assert refused.value.code == code and named in refused.value.message
    assert kept.names() == []


def rename(tensors: dict[str, torch.Tensor], old: str, new: str) -> dict[str, torch.Tensor]:
    return {key.replace(old, new): tensor.clone() for key, tensor in tensors.items()}


def widen(tensors: dict[str, torch.Tensor], inputs: int) -> None:
    key = f"base_model.model.{Q}.lora_A.weight"
    tensors[key] = torch.zeros(len(tensors[key]), inputs)


@pytest.mark.parametrize(
    ("break_", "code"),
    [
        (lambda f: shutil.rmtree(f), "adapter_missing"),
        (lambda f: (f / CONFIG).unlink(), "adapter_files"),
        (lambda f: (f / CONFIG).write_text("{"), "adapter_config"),
        (lambda f: (f / TENSORS).unlink(), "adapter_files"),
        (lambda f: (f / TENSORS).rename(f / "adapter_model.bin"), "adapter_not_safetensors"),
        (lambda f: (f / TENSORS).write_bytes(b"version https://git-lfs"), "adapter_header"),
        (lambda f: os.truncate(f / TENSORS, 5000), "adapter_header"),
        (lambda f: os.truncate(f / TENSORS, CAPS[TENSORS] + 1), "adapter_too_big"),
        (lambda f: (f / CARD).symlink_to("nowhere"), "adapter_missing"),
        (lambda f: (f / CARD).mkdir(), "adapter_has_link"),
        (lambda f: os.mkfifo(f / CARD), "adapter_has_link"),
        (lambda f: (f / CARD).write_text("{}"), "adapter_config"),
    ],
)
def test_broken_folders_are_refused(
    kept: AdapterStore, folder: Path, break_: Callable[[Path], object], code: str
) -> None:
    break_(folder)
    assert code_of(lambda: take(folder, kept, JOKE)) == code
    assert kept.names() == []


def test_a_card_of_another_base_is_refused(
    kept: AdapterStore, folder: Path, tmp_path: Path
) -> None:
    shutil.copy(make_adapter(tmp_path / "joke", kept.base) / CARD, folder / CARD)
    edit(folder / CARD, base="b" * 64)
    assert code_of(lambda: take(folder, kept, Wanted())) == "adapter_wrong_base"
