"""A consumer stops as a whole, also while one of its fetches waits to be tried again."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from aiokafka.consumer.fetcher import Fetcher

from streams.clients import fetching


async def fetch(waits: asyncio.Event) -> bool:
    """A fetch that has failed, as aiokafka writes it: its wait is cancelled from outside."""
    waits.set()
    await asyncio.sleep(60)
    return False


async def fetcher_with(*fetches: asyncio.Task[bool]) -> Any:
    """The part of a fetcher that is closed."""
    made: Any = object.__new__(Fetcher)
    made._fetch_task = asyncio.create_task(asyncio.sleep(60))
    made._fetch_waiters, made._pending_tasks = set(), set(fetches)
    return made


async def waiting() -> asyncio.Task[bool]:
    waits = asyncio.Event()
    task = asyncio.create_task(fetch(waits))
    await waits.wait()
    return task


async def test_a_fetch_that_waits_does_not_cancel_whoever_stops() -> None:
    fetching.close_whole()
    first, second = await waiting(), await waiting()
    closed = await fetcher_with(first, second)
    await closed.close()
    assert first.cancelled() and second.cancelled() and closed._closed


async def test_aiokafka_still_needs_it() -> None:
    with pytest.raises(asyncio.CancelledError):
        await fetching._ORDINARY(await fetcher_with(await waiting()))


async def test_whoever_is_cancelled_while_stopping_is_cancelled() -> None:
    fetching.close_whole()

    async def stubborn() -> bool:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            await asyncio.sleep(0.05)
        return False

    task = asyncio.create_task(stubborn())
    await asyncio.sleep(0)
    stopping = asyncio.create_task((await fetcher_with(task)).close())
    await asyncio.sleep(0.01)
    stopping.cancel()
    with pytest.raises(asyncio.CancelledError):
        await stopping
