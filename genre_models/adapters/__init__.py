"""LoRA adapters as immutable, verified folders; without torch, since planners only need names."""

from __future__ import annotations

from genre_models.adapters.card import About, AdapterCard, Lineage
from genre_models.adapters.files import digest_of
from genre_models.adapters.name import AdapterName
from genre_models.adapters.sites import BaseSpec
from genre_models.adapters.store import AdapterStore, add_starters
from genre_models.adapters.verification import Adapter, read_adapter

__all__ = [
    "About",
    "Adapter",
    "AdapterCard",
    "AdapterName",
    "AdapterStore",
    "BaseSpec",
    "Lineage",
    "add_starters",
    "digest_of",
    "read_adapter",
]
