"""Announcing the adapters of a worker's own store: whoever follows the registry then uses them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace

from agents.genres.registry import Registry, announcement
from genre_models.adapters import AdapterName, AdapterStore
from genre_models.adapters.name import POOLED
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
        if registry.knows(str(name)) or _is_replaced(name, store):
            continue
        try:
            adapter = await asyncio.to_thread(store.verified, name)
        except ModelError as error:
            log.warning("%s is not announced: %s", name, error)
            continue
        if adapter.card.about is not None or name.genre in {POOLED, *registry.shipped.genres}:
            event = await asyncio.to_thread(announcement, adapter, registry)
            event = replace(event, erased=left(event.name))
            await publish(event)
            # The next new genre's salt must keep away from this one's before its event is back.
            registry.apply(event.name, event)


def _is_replaced(name: AdapterName, store: AdapterStore) -> bool:
    """Of pooled adapters, the newest alone is used; of a genre's versions people choose."""
    return name.genre == POOLED and name != store.newest(POOLED)
