"""Keys and values lie where their row and position say, and nowhere else."""

from __future__ import annotations

import pytest
import torch

from genre_models.engine.slots import ROUND, Slots


@pytest.fixture(name="slots")
def _slots() -> Slots:
    return Slots(layers=2, slots=3, heads=2, width=4, capacity=ROUND + 1)


def test_what_is_written_is_read_at_its_slot_and_position(slots: Slots) -> None:
    tokens = torch.arange(2.0 * 2 * 2 * 4).view(2, 2, 2, 4) + 1  # [n, 2, heads, width]
    slots.write(1, slots.places(torch.tensor([2, 0]), torch.tensor([ROUND, 3])), tokens)
    both = [half.view(3, 2, -1, 4) for half in slots.read(1, slice(0, 3), slots.capacity)]
    for half, kind in enumerate(both):  # keys, then values: [slots, heads, positions, width]
        assert torch.equal(kind[2, :, ROUND], tokens[0, half])
        assert torch.equal(kind[0, :, 3], tokens[1, half])
    assert sum(int(kind.count_nonzero()) for kind in both) == tokens.numel()
    assert not slots.layers[0].any()


def test_a_copy_is_of_the_first_positions_alone(slots: Slots) -> None:
    for layer in slots.layers:
        layer.copy_(torch.rand(layer.shape))
    before = [layer.clone() for layer in slots.layers]
    slots.copy(0, 1, 5)
    for layer, old in zip(slots.layers, before, strict=True):
        assert torch.equal(layer[:, 2:4, :5], old[:, 0:2, :5])
        assert torch.equal(layer[:, 2:4, 5:], old[:, 2:4, 5:])
        assert torch.equal(layer[:, 4:], old[:, 4:])


@pytest.mark.parametrize(
    ("end", "visible"), [(1, ROUND), (ROUND, ROUND), (ROUND + 1, 2 * ROUND), (999, 2 * ROUND)]
)
def test_all_positions_below_the_end_are_seen(slots: Slots, end: int, visible: int) -> None:
    assert slots.visible(end) == visible


def test_what_is_taken_can_be_put_elsewhere(slots: Slots) -> None:
    for layer in slots.layers:
        layer.copy_(torch.rand(layer.shape))
    taken = slots.taken(0, 2, 7)
    assert taken.shape == (2, 2, 2, 5, 4)
    slots.put(2, taken)
    for layer in slots.layers:
        assert torch.equal(layer[:, 4:6, :5], layer[:, 0:2, 2:7])
