"""Multiplying in int8: as this processor does it (`levels` None), and as those without VNNI do."""

from __future__ import annotations

import pytest
import torch

from genre_models.engine.linear import NARROW, Exact, Fast


@pytest.mark.parametrize(
    ("levels", "digits", "error"), [(None, 1, 0.02), (None, 2, 0.01), (NARROW, 1, 0.01)]
)
def test_fast_products_are_close_and_rows_independent(
    levels: int | None, digits: int, error: float
) -> None:
    torch.manual_seed(0)
    weight, bias, x = torch.randn(96, 64), torch.randn(96), torch.randn(8, 64)
    x[3], x[4] = 0.0, x[4] * 1000
    exact, fast = Exact(weight, bias)(x), Fast(weight, bias, digits=digits, levels=levels)
    with torch.inference_mode():
        y = fast(x)
        assert torch.linalg.vector_norm(y - exact) < error * torch.linalg.vector_norm(exact)
        assert torch.equal(y[3], bias)
        assert all(torch.equal(fast(x[row : row + 1])[0], y[row]) for row in range(8))


def test_narrow_digits_cannot_overflow_sixteen_bits() -> None:
    weight, x = torch.ones(4, 64), torch.ones(4, 64)
    with torch.inference_mode():
        assert torch.allclose(Fast(weight, levels=NARROW)(x), torch.full((4, 4), 64.0), rtol=1e-3)
