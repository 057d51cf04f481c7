"""Adapters side by side add to each row what its own blend adds alone, whoever comes and goes."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
import torch

from genre_models.engine.mixture import MOST, Blend, Hot, Site, Uniform, Weights, check_width
from schemas.errors import ModelError

QKV = Site(inputs=12, parts=(("q", 8), ("k", 4)))
OUT = Site(inputs=8, parts=(("o", 12),))
SIZES = {"q": (12, 8), "k": (12, 4), "o": (8, 12)}


@pytest.fixture(autouse=True)
def _inference() -> Iterator[None]:
    with torch.inference_mode():
        yield


def weights(seed: int, rank: int = 8, paths: str = "qko") -> Weights:
    chance = torch.Generator().manual_seed(seed)
    return Weights(
        rank,
        {
            path: (
                torch.randn(rank, SIZES[path][0], generator=chance),
                torch.randn(rank, SIZES[path][1], generator=chance),
            )
            for path in paths
        },
        str(seed),
    )


def dense(site: Site, blend: Blend, x: torch.Tensor) -> torch.Tensor:
    """[rows, outputs]: the sum of weight * x A' B over the blend, part by part."""
    parts = []
    for path, outputs in site.parts:
        y = torch.zeros(len(x), outputs)
        for each, weight in blend:
            if path in each.sites:
                low, high = each.sites[path]
                y += weight * (x @ low.T @ high)
        parts.append(y)
    return torch.cat(parts, 1)


@pytest.mark.parametrize("site", [QKV, OUT])
def test_a_prompt_gets_its_blend(site: Site) -> None:
    x = torch.randn(5, site.inputs)
    blend = ((weights(1), 0.7), (weights(2, 4, "q"), 0.5))
    y = torch.zeros(5, sum(outputs for _, outputs in site.parts))
    Uniform(blend).add(site, x, y)
    assert torch.allclose(y, dense(site, blend, x), atol=1e-4)


def test_each_row_gets_its_own_blend_while_adapters_come_and_go() -> None:
    chance, hot = random.Random(1), Hot((QKV, OUT))
    known = [weights(n, (4, 8, 16)[n % 3], ("qko", "q", "ko", "o")[n % 4]) for n in range(12)]
    for _ in range(40):
        few = chance.sample(known, chance.randint(0, 6))
        rows = [
            tuple((each, chance.random()) for each in chance.sample(few, min(len(few), size)))
            for size in (chance.randint(0, 3) for _ in range(4))
        ]
        hot.mix(rows)
        for site in (QKV, OUT):
            x = torch.randn(4, site.inputs)
            y = torch.zeros(4, sum(outputs for _, outputs in site.parts))
            hot.add(site, x, y)
            for row, blend in enumerate(rows):
                expected = dense(site, blend, x[row : row + 1])[0]
                assert torch.allclose(y[row], expected, atol=1e-3)


def test_a_blend_that_cannot_be_hot_at_once_is_refused() -> None:
    wide = [(weights(n, 16), 0.1) for n in range(MOST // 16)]
    check_width(tuple(wide))
    check_width((*wide, wide[0]))  # the same adapter twice takes its ranks once
    with pytest.raises(ModelError, match=f"at most {MOST} ranks .* got {MOST + 4}") as refused:
        check_width((*wide, (weights(99, 4), 0.1)))
    assert refused.value.code == "blend_too_wide"
