"""The gateway role: HTTP in front of the topics. It has no agents, and never imports torch."""

from __future__ import annotations

from agents.gateway.catalogue import RegistryCatalogue
from agents.genres.registry import Registry
from streams.gateway.server import Gateway
from streams.settings import Settings


def build(settings: Settings) -> Gateway:
    """The gateway of one replica. Raises as `Gateway`."""
    registry = Registry()
    return Gateway(settings, RegistryCatalogue(registry, settings), registry.apply)
