"""What is asked while a thread is busy is answered together, each asker with its own answer."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence

import pytest

from agents.classify.batches import Batches


class Doubling:
    """Doubles numbers; waits for `free` before it does."""

    def __init__(self) -> None:
        self.free = threading.Event()
        self.asked: list[list[int]] = []

    def __call__(self, numbers: Sequence[int]) -> list[int]:
        self.asked.append(list(numbers))
        assert self.free.wait(5)
        return [2 * number for number in numbers]


async def test_what_comes_while_the_thread_is_busy_is_one_batch_within_its_bound() -> None:
    doubling = Doubling()
    batches = Batches(doubling, 3, "test")
    first = asyncio.create_task(batches.ask(0))
    while not doubling.asked:
        await asyncio.sleep(0)
    others = [asyncio.create_task(batches.ask(number)) for number in range(1, 6)]
    await asyncio.sleep(0)
    doubling.free.set()
    assert await asyncio.gather(first, *others) == [0, 2, 4, 6, 8, 10]
    assert doubling.asked == [[0], [1, 2, 3], [4, 5]]


async def test_what_is_raised_is_told_to_each_asker_of_the_batch_and_to_no_other() -> None:
    def reciprocals(numbers: Sequence[int]) -> list[float]:
        return [1 / number for number in numbers]

    batches = Batches(reciprocals, 1, "test")
    found = await asyncio.gather(batches.ask(0), batches.ask(2), return_exceptions=True)
    assert isinstance(found[0], ZeroDivisionError) and found[1] == 0.5


async def test_who_no_longer_waits_is_not_asked_for() -> None:
    doubling = Doubling()
    batches = Batches(doubling, 8, "test")
    first = asyncio.create_task(batches.ask(0))
    while not doubling.asked:
        await asyncio.sleep(0)
    gone, kept = asyncio.create_task(batches.ask(1)), asyncio.create_task(batches.ask(2))
    await asyncio.sleep(0)
    gone.cancel()
    doubling.free.set()
    assert await first == 0 and await kept == 4
    assert doubling.asked == [[0], [2]]
    with pytest.raises(asyncio.CancelledError):
        await gone
