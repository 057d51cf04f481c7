"""Orders: what they mean on this machine, and how each comes to its end."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from agents.train import workshop as workshops
from agents.train.workshop import Workshop, order_of, perform
from genre_models.training.order import Order
from schemas.progress import Progress
from tests.agents.train.conftest import TRAIN, handled, replace_texts, text


async def test_a_genre_that_comes_with_genre_keeps_its_family_and_words(shop: Workshop) -> None:
    order = order_of(replace(TRAIN, genre="joke", family="verse"), "j", shop.settings, shop.texts)
    assert (order.family, "jokes" in order.instruction) == ("humour", True)
    await handled(shop, text("an old pond", family="verse"))
    assert order_of(TRAIN, "j", shop.settings, shop.texts).family == "verse"
    assert order_of(replace(TRAIN, genre="ode"), "j", shop.settings, shop.texts).family == "ode"


async def ended(shop: Workshop, count: int) -> list[Any]:
    told: list[Any] = []
    done = asyncio.Event()

    async def publish(event: object) -> None:
        told.append(event)
        if sum(getattr(each, "state", None) in workshops.ENDS for each in told) == count:
            done.set()

    working = asyncio.create_task(shop.run(publish))
    await asyncio.wait_for(done.wait(), 60)
    while list((shop.settings.corpora / "jobs").glob("*.json")):
        await asyncio.sleep(0.01)
    await stopped(working)
    return told


async def stopped(working: asyncio.Task[None]) -> None:
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)


async def test_a_training_that_cannot_be_done_says_why_and_is_over(shop: Workshop) -> None:
    await handled(shop, text("too little of it"), TRAIN)
    *_, last = await ended(shop, 1)
    assert isinstance(last, Progress)
    assert (last.state, last.code) == ("rejected", "too_few_texts")
    assert "send 99 more" in (last.message or "")
    assert list((shop.settings.corpora / "jobs").glob("*.json")) == []
    assert await handled(replace_texts(shop), TRAIN) == []


async def test_an_order_that_a_kill_cut_short_is_begun_again(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[str] = []

    async def stuck(order: Order):  # type: ignore[no-untyped-def]
        begun.append(order.job)
        yield order.progress("preparing")
        await asyncio.sleep(60)

    monkeypatch.setattr(workshops, "perform", stuck)
    await handled(shop, TRAIN)
    working = asyncio.create_task(shop.run(lambda _: asyncio.sleep(0)))
    await asyncio.sleep(0.1)
    await stopped(working)
    monkeypatch.undo()
    *_, last = await ended(replace_texts(shop), 1)
    assert begun == ["j1"] and last.job == "j1"


async def test_a_training_process_that_dies_is_told(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.executable", "/bin/false")
    order = order_of(TRAIN, "j", shop.settings, shop.texts)
    (last,) = [progress async for progress in perform(order)]
    assert (last.state, last.code) == ("failed", "training_failed")
    assert msgspec.json.encode(last)
