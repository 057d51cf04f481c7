"""What prompts open with is read once; it is known by an adapter's bytes and all tokens so far."""

from __future__ import annotations

import pytest
import torch

from genre_models.engine.mixture import Blend, Weights
from genre_models.engine.prefixes import Prefixes
from genre_models.engine.slots import Slots

GRAIN = 4
TOKEN = 2 * 2 * 2 * 4 * 4  # bytes: layers, keys and values, heads, width, fp32
OPENING = tuple(range(100, 111))


@pytest.fixture(name="slots")
def _slots() -> Slots:
    slots = Slots(layers=2, slots=2, heads=2, width=4, capacity=64)
    for layer in slots.layers:
        layer.copy_(torch.rand(layer.shape))
    return slots


def made(slots: Slots, tokens: int = 1000) -> Prefixes:
    return Prefixes(slots, grain=GRAIN, budget=tokens * TOKEN)


def with_adapter(digest: str, share: float = 1.0) -> Blend:
    return ((Weights(4, {}, digest), share),)


def test_an_opening_is_put_back_bit_by_bit(slots: Slots) -> None:
    prefixes = made(slots)
    prefixes.keep(OPENING, (), 0)
    assert prefixes.bytes == len(OPENING) * TOKEN
    assert prefixes.load(OPENING, (), 1) == len(OPENING)
    for layer in slots.layers:
        keys_and_values = layer.view(2, 2, 2, -1, 4)  # [both, slots, heads, positions, width]
        assert torch.equal(keys_and_values[:, 0, :, :11], keys_and_values[:, 1, :, :11])
        assert not torch.equal(keys_and_values[:, 0, :, 11], keys_and_values[:, 1, :, 11])


def test_another_style_shares_the_whole_blocks_before_it(slots: Slots) -> None:
    prefixes = made(slots)
    prefixes.keep(OPENING, (), 0)
    assert prefixes.load((*OPENING[:9], 1, 2, 3), (), 1) == 8
    assert prefixes.load(OPENING[:9], (), 1) == 8
    prefixes.keep((*OPENING[:9], 1, 2, 3), (), 0)
    assert prefixes.bytes == (11 + 4) * TOKEN


def test_another_beginning_or_other_bytes_of_an_adapter_know_nothing(slots: Slots) -> None:
    prefixes = made(slots)
    prefixes.keep(OPENING, with_adapter("one"), 0)
    assert prefixes.load((1, *OPENING[1:]), with_adapter("one"), 1) == 0
    assert prefixes.load(OPENING, with_adapter("two"), 1) == 0
    assert prefixes.load(OPENING, with_adapter("one", 0.5), 1) == 0
    assert prefixes.load(OPENING, (), 1) == 0
    assert prefixes.load(OPENING, with_adapter("one"), 1) == 11


def test_what_was_used_least_goes_first_and_never_before_what_continues_it(slots: Slots) -> None:
    prefixes = made(slots, tokens=12)
    prefixes.keep(OPENING[:8], (), 0)
    prefixes.load(OPENING[:4], (), 1)
    prefixes.keep((5, 5, 5, 5), (), 0)
    prefixes.keep((6, 6, 6, 6), (), 0)
    assert prefixes.bytes == 12 * TOKEN
    assert prefixes.load(OPENING[:8], (), 1) == 4
    assert prefixes.load((5, 5, 5, 5), (), 1) == prefixes.load((6, 6, 6, 6), (), 1) == 4


def test_a_budget_of_nothing_keeps_nothing(slots: Slots) -> None:
    prefixes = made(slots, tokens=0)
    prefixes.keep(OPENING, (), 0)
    assert prefixes.bytes == 0 and prefixes.load(OPENING, (), 1) == 0


def test_an_opening_of_no_tokens_is_nothing(slots: Slots) -> None:
    prefixes = made(slots)
    prefixes.keep((), (), 0)
    assert prefixes.load((), (), 1) == 0
