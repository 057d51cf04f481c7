"""What prompts begin with is read once; it is known by an adapter's bytes and all tokens so far."""

from __future__ import annotations

import pytest
import torch

from genre_models.engine.mixture import Blend, Weights
from genre_models.engine.prefixes import Prefixes
from genre_models.engine.slots import Slots

GRAIN = 4
BLOCK = 2 * 2 * 2 * GRAIN * 4 * 4  # bytes: layers, keys and values, heads, tokens, width, fp32
PROMPT = tuple(range(100, 111))


@pytest.fixture(name="slots")
def _slots() -> Slots:
    slots = Slots(layers=2, slots=2, heads=2, width=4, capacity=64)
    for layer in slots.layers:
        layer.copy_(torch.rand(layer.shape))
    return slots


def made(slots: Slots, blocks: int = 100) -> Prefixes:
    return Prefixes(slots, grain=GRAIN, budget=blocks * BLOCK)


def with_adapter(digest: str, share: float = 1.0) -> Blend:
    return ((Weights(4, {}, digest), share),)


def test_the_whole_blocks_of_a_beginning_are_put_back_bit_by_bit(slots: Slots) -> None:
    prefixes = made(slots)
    prefixes.keep(PROMPT, (), 0)
    assert prefixes.load((*PROMPT[:9], 1, 2, 3), (), 1) == 8
    for layer in slots.layers:
        keys_and_values = layer.view(2, 2, 2, -1, 4)  # [both, slots, heads, positions, width]
        assert torch.equal(keys_and_values[:, 0, :, :8], keys_and_values[:, 1, :, :8])
        assert not torch.equal(keys_and_values[:, 0, :, 8], keys_and_values[:, 1, :, 8])


def test_one_token_is_always_left_to_read(slots: Slots) -> None:
    prefixes = made(slots)
    prefixes.keep(PROMPT[:8], (), 0)
    assert prefixes.load(PROMPT[:8], (), 1) == 4
    assert prefixes.load(PROMPT[:9], (), 1) == 8


def test_another_beginning_or_other_bytes_of_an_adapter_know_nothing(slots: Slots) -> None:
    prefixes = made(slots)
    prefixes.keep(PROMPT, with_adapter("one"), 0)
    assert prefixes.load((1, *PROMPT[1:]), with_adapter("one"), 1) == 0
    assert prefixes.load(PROMPT, with_adapter("two"), 1) == 0
    assert prefixes.load(PROMPT, with_adapter("one", 0.5), 1) == 0
    assert prefixes.load(PROMPT, (), 1) == 0
    assert prefixes.load(PROMPT, with_adapter("one"), 1) == 8


def test_what_was_used_least_goes_first_and_never_before_what_continues_it(slots: Slots) -> None:
    prefixes = made(slots, blocks=3)
    prefixes.keep(PROMPT[:8], (), 0)
    prefixes.keep((*PROMPT[:4], 7, 7, 7, 7), (), 0)
    prefixes.keep((5, 5, 5, 5), (), 0)
    assert prefixes.bytes == 3 * BLOCK
    assert prefixes.load(PROMPT, (), 1) == 4
    assert prefixes.load((*PROMPT[:4], 7, 7, 7, 7, 0), (), 1) == 8
    assert prefixes.load((5, 5, 5, 5, 0), (), 1) == 4


def test_a_budget_of_nothing_keeps_nothing(slots: Slots) -> None:
    prefixes = made(slots, blocks=0)
    prefixes.keep(PROMPT, (), 0)
    assert prefixes.bytes == 0 and prefixes.load(PROMPT, (), 1) == 0
