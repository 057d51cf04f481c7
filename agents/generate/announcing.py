"""Announcing the adapters of a worker's own store: whoever follows the registry then uses them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace

from agents.genres.registry import Registry, announcement
from genre_models.adapters import AdapterStore
from schemas.errors import ModelError
from streams.worker.delivery import Publish

log = logging.getLogger(__name__)


async def announce(
    publish: Publish,
    store: AdapterStore,
    registry: Registry,
    left: Callable[[str], int] = lambda name: 0,
) -> None:
    """Publish the adapters that the registry does not know yet; a broken one is passed over.

    `left` says of one how many users have been erased since whose texts it was trained on.
    """
    for name in store.names():
        if registry.knows(str(name)):
            continue
        try:
            adapter = await asyncio.to_thread(store.verified, name)
        except ModelError as error:
            log.warning("%s is not announced: %s", name, error)
            continue
        if adapter.card.about is not None or name.genre in registry.shipped:
            event = await asyncio.to_thread(announcement, adapter, registry)
            event = replace(event, erased=left(event.name))
            await publish(event)
            # The next new genre's salt must keep away from this one's before its event is back.
            registry.apply(event.name, event)
