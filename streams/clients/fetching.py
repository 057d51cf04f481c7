"""Stopping a consumer whose fetch waits to be tried again.

aiokafka cancels such a fetch and awaits it: the cancellation comes out of `stop`, as if whoever
stops the consumer were cancelled, and the connections stay open.
"""

from __future__ import annotations

import asyncio
from typing import Any

from aiokafka.consumer.fetcher import Fetcher

_ORDINARY = Fetcher.close


def close_whole() -> None:
    """Let every consumer of this process stop as a whole."""
    Fetcher.close = _close


async def _close(fetcher: Any) -> None:
    fetcher._fetch_task.cancel()
    await asyncio.gather(fetcher._fetch_task, return_exceptions=True)
    pending = list(fetcher._pending_tasks)
    for task in pending:
        task.cancel()
    await asyncio.gather(*pending, return_exceptions=True)
    fetcher._pending_tasks.clear()
    await _ORDINARY(fetcher)
