"""The kernel in C against torch, row by row."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from transformers import AutoConfig

from genre_models.adapters import AdapterStore
from genre_models.engine.llama import Llama
from genre_models.engine.model import load_model
from genre_models.engine.native import Kernel, load_kernel
from genre_models.engine.native import kernel as kernel_module
from genre_models.engine.native.packed import Packed
from genre_models.engine.native_llama import NativeLlama
from tests.genre_models.compiling import compiled

TOKENS = torch.randint(3, 259, (80,), generator=torch.Generator().manual_seed(0))


@pytest.fixture(autouse=True)
def _inference() -> Iterator[None]:
    torch.set_num_threads(2)
    with torch.inference_mode():
        yield
    torch.set_num_threads(1)


def weights(bits: int) -> torch.Tensor:
    """[48, 80]; with 4 bits, 16 evenly spaced values in each group of 32."""
    chance = torch.Generator().manual_seed(bits)
    if bits != 4:
        return torch.randn(48, 80, generator=chance)
    q = torch.randint(0, 16, (48, 80), generator=chance)
    q[:, ::32], q[:, 1::32] = 0, 15
    return q * 0.125 - 1.0


@pytest.fixture(scope="module", params=["native", "haswell", "x86-64"])
def any_kernel(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Kernel:
    """The kernel with AVX-512, with AVX2 and in plain C, as far as this processor goes."""
    if request.param != "native" and platform.machine() != "x86_64":
        pytest.skip("other instructions")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            kernel_module,
            "FLAGS",
            tuple(f.replace("native", request.param) for f in kernel_module.FLAGS),
        )
        return compiled(tmp_path_factory.getbasetemp() / f"kernel-{request.param}")


@pytest.mark.parametrize(("bits", "error"), [(32, 1e-6), (8, 0.012), (4, 0.008)])
def test_products_are_close_and_a_row_has_the_same_bits_in_any_number_of_rows(
    any_kernel: Kernel, bits: int, error: float
) -> None:
    matrix, bias = weights(bits), torch.randn(48)
    x = torch.randn(70, 80, generator=torch.Generator().manual_seed(1))
    packed, expected = (
        Packed(any_kernel, matrix, bias, exact=bits == 32),
        torch.nn.functional.linear(x, matrix, bias),
    )
    y = packed(x)
    assert packed.struct.bits == bits
    assert torch.linalg.vector_norm(y - expected) < error * torch.linalg.vector_norm(expected)
    for rows in range(1, 18):
        assert torch.equal(packed(x[3 : 3 + rows]), y[3 : 3 + rows])


def test_what_is_not_finite_reaches_its_own_row_only(kernel: Kernel) -> None:
    x = torch.ones(3, 80)
    x[1, 5] = torch.nan
    y = Packed(kernel, weights(8), None, exact=False)(x)
    assert not y[1].isfinite().any() and y[0].isfinite().all() and torch.equal(y[0], y[2])


def test_a_model_gives_the_logits_of_the_torch_path_and_bits_of_its_own_row(
    kernel: Kernel, base: Path, store: AdapterStore
) -> None:
    config = AutoConfig.from_pretrained(base)
    models = (
        NativeLlama(kernel, base, config, slots=18, context=128, fast=False),
        Llama(base, config, slots=18, context=128, fast=False),
    )
    prompts = []
    for model in models:
        adapters = [model.prepare(store.verified(name)) for name in store.names()]
        blend = ((adapters[0], 0.7), (adapters[1], 0.5))
        prompts.append(model.prefill(TOKENS, 17, 0, blend, every=True))
    assert torch.allclose(prompts[0], prompts[1], atol=1e-4)
    native, bits = models[0], []
    for rows in range(1, 18):
        for slot in range(rows):
            native.slots.copy(17, slot, 80)
        native.mix([blend, *[((adapters[slot % 3], 1.0),) for slot in range(1, rows)]])
        bits.append(
            native.decode(torch.full((rows,), 9), torch.tensor([80, *range(30, 29 + rows)]))[0]
        )
    assert all(torch.equal(row, bits[0]) for row in bits)


def test_without_a_compiler_torch_computes_and_the_log_says_so(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("PATH", "")
    assert load_kernel(tmp_path) is None and "expected gcc" in caplog.text
    monkeypatch.setattr("genre_models.engine.native.load_kernel", lambda: None)
    assert type(load_model(base, slots=5, context=128, fast=False)[0]) is Llama
