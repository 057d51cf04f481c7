"""The torch path on another device, and in bf16: nothing is left on the processor, logits are near.

No GPU is needed: torch refuses to compute with tensors of its device `meta` and of the processor.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from genre_models.adapters import AdapterStore, BaseSpec
from genre_models.engine import transformers_model
from genre_models.engine.mixture import Blend
from genre_models.engine.model import Model, load_model
from genre_models.engine.transformers_model import TransformersModel
from tests.genre_models.tiny import make_adapter, make_base


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp("base")
    make_base(folder / "base")
    return folder / "base"


def logits(model: Model, base: Path, folder: Path) -> torch.Tensor:
    """Of two prompts and a step of four rows: with an adapter, with another, a blend, none."""
    store = AdapterStore(folder, BaseSpec.load(base))
    one, two = (
        model.prepare(
            store.verified(store.add(make_adapter(folder / genre, store.base, genre, seed)))
        )
        for seed, genre in enumerate(("joke", "quote"))
    )
    blends: list[Blend] = [((one, 1.0),), ((two, 1.0),), ((one, 0.5), (two, 0.5)), ()]
    with torch.inference_mode():
        found = [
            model.prefill(torch.tensor([5, 6, 7, 8]), slot, 0, blend)
            for slot, blend in enumerate(blends)
        ]
        model.mix(blends)
        found.append(model.decode(torch.tensor([9, 10, 11, 12]), torch.full((4,), 4)))
    return torch.cat(found)


def test_rows_of_different_adapters_are_computed_on_the_device_alone(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    computed: list[torch.Tensor] = []

    def home(tensor: torch.Tensor) -> torch.Tensor:
        computed.append(tensor)
        return torch.zeros(tensor.shape)

    monkeypatch.setattr(transformers_model, "_home", home)
    with torch.inference_mode():
        model, _ = load_model(base, slots=5, context=64, fast=True, device="meta")
    assert isinstance(model, TransformersModel)
    assert logits(model, base, tmp_path).shape[0] == 8
    assert {(each.device.type, each.dtype) for each in computed} == {("meta", torch.bfloat16)}


def test_bf16_logits_are_near_those_of_fp32(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with torch.inference_mode():
        exact = TransformersModel(base, slots=5, context=64)
        monkeypatch.setattr(transformers_model, "precision", lambda device: torch.bfloat16)
        half = TransformersModel(base, slots=5, context=64)
    wanted, found = logits(exact, base, tmp_path / "a"), logits(half, base, tmp_path / "b")
    assert found.dtype == torch.float32
    assert (found - wanted).norm() < 0.05 * wanted.norm()
    assert not torch.equal(found, wanted)
