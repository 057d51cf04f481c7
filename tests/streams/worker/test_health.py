"""The health page says whether a worker is ready, with its status code and as JSON."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest

from streams.clients.embedded_broker import free_port
from streams.worker.health import HealthPage


@pytest.mark.parametrize(("ready", "status"), [(True, 200), (False, 503)])
async def test_a_worker_says_whether_it_is_ready(ready: bool, status: int) -> None:
    port = free_port()
    page: Any = HealthPage(
        lambda: {"ready": ready, "counts": {"expired": 1}}, bind="127.0.0.1", port=port
    )
    await page.start()
    try:
        async with aiohttp.ClientSession() as session, asyncio.timeout(10):
            answer = await session.get(f"http://127.0.0.1:{port}/health")
            told = await answer.json()
    finally:
        await page.stop()
    assert answer.status == status
    assert (told["ready"], told["counts"]) == (ready, {"expired": 1}) and told["rss_mb"] > 1


async def test_a_port_that_is_taken_is_no_page() -> None:
    port = free_port()
    async with await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", port):
        with pytest.raises(OSError, match="address already in use"):
            await HealthPage(lambda: {"ready": True}, bind="127.0.0.1", port=port).on_start()
