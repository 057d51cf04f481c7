"""Packed matrices in C against torch, row by row."""

from __future__ import annotations

import platform

import pytest
import torch

from genre_models.engine.native import Kernel
from genre_models.engine.native import kernel as kernel_module
from genre_models.engine.native.packed import Packed
from tests.genre_models.compiling import compiled

pytestmark = pytest.mark.usefixtures("inference")


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
        Packed(any_kernel, [matrix], bias, exact=bits == 32),
        torch.nn.functional.linear(x, matrix, bias),
    )
    y = packed(x)
    assert packed.struct.bits == bits
    assert torch.linalg.vector_norm(y - expected) < error * torch.linalg.vector_norm(expected)
    for rows in range(1, 18):
        assert torch.equal(packed(x[3 : 3 + rows]), y[3 : 3 + rows])


@pytest.mark.parametrize("exact", [True, False])
@pytest.mark.parametrize("bits", [4, 8])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_matrix_is_packed_in_parts_without_an_fp32_copy_of_the_whole(
    kernel: Kernel,
    dtype: torch.dtype,
    bits: int,
    exact: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    matrix, x = weights(bits)[:41].to(dtype), torch.randn(3, 80)
    whole = Packed(kernel, [matrix.float()], None, exact=exact)
    widened: list[int] = []
    widen = torch.Tensor.float

    def float_(tensor: torch.Tensor) -> torch.Tensor:
        widened.append(tensor.numel())
        return widen(tensor)

    monkeypatch.setattr("genre_models.engine.native.packed.AT_ONCE", 16 * 80)
    monkeypatch.setattr(torch.Tensor, "float", float_)
    parts = Packed(kernel, [matrix[:16], matrix[16:]], None, exact=exact)
    assert max(widened, default=0) <= 16 * 80 and parts.struct.bits == whole.struct.bits
    assert torch.equal(parts(x), whole(x))


def test_what_is_not_finite_reaches_its_own_row_only(kernel: Kernel) -> None:
    x = torch.ones(3, 80)
    x[1, 5] = torch.nan
    y = Packed(kernel, [weights(8)], None, exact=False)(x)
    assert not y[1].isfinite().any() and y[0].isfinite().all() and torch.equal(y[0], y[2])
