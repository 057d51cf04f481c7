"""What the gateway is told of genres, adapters, users' rows and people's files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import orjson

from agents.genres import verdicts, versions
from agents.genres.registry import Registry
from genre_models.adapters.contest import Record, losers
from genre_models.taxonomy import Genre
from schemas.adapters import AdapterEvent
from schemas.preferences import PreferenceProfile
from streams.settings import Settings

_MOST_REPORT = 4 * 2**20  # bytes


class RegistryCatalogue:
    """The genres and adapters of a registry, as each tenant sees them.

    What few requests need is imported with the first: it takes as long as all else at start.
    """

    def __init__(self, registry: Registry, settings: Settings) -> None:
        self._registry = registry
        self._settings = settings

    def genres(self, tenant: str | None) -> Sequence[Mapping[str, Any]]:
        """The genres that a tenant can ask for, by name."""
        return [
            self._line(genre, tenant) | {"requests": list(genre.requests[:5])}
            for genre in self._registry.taxonomy(tenant).genres.values()
        ]

    def genre(self, genre: str, tenant: str | None) -> Mapping[str, Any] | None:
        """All that is known of a genre, examples included."""
        found = self._registry.taxonomy(tenant).genres.get(genre)
        if found is None:
            return None
        return self._line(found, tenant) | {
            "instruction": found.instruction,
            "requests": list(found.requests),
            "texts": list(found.texts),
            "sampling": msgspec.to_builtins(found.sampling),
        }

    def adapters(self, tenant: str | None) -> Sequence[AdapterEvent]:
        """The newest record of each adapter that is everybody's, or this tenant's."""
        return [each for each in self._registry.events() if each.tenant in (None, tenant)]

    def report(self, adapter: AdapterEvent) -> Mapping[str, Any] | None:
        """The gate's report, which the machine keeps that has trained the adapter."""
        folder = self._settings.adapters.expanduser() / "reports" / adapter.name.partition("@")[2]
        path = folder / "report.json"
        with suppress(OSError, orjson.JSONDecodeError):
            if path.stat().st_size <= _MOST_REPORT:
                report = orjson.loads(path.read_bytes())
                return report if isinstance(report, dict) else None
        return None

    def withdrawn(self, adapter: AdapterEvent, reason: str) -> AdapterEvent:
        """The event after which no new request uses an adapter."""
        return versions.withdrawn(adapter, reason)

    def published(self, adapter: AdapterEvent) -> AdapterEvent:
        """The event after which an adapter is used again."""
        return versions.published(adapter)

    def rolled_back(self, genre: str, tenant: str | None, reason: str) -> Sequence[AdapterEvent]:
        """The events that take the newest version away that is this tenant's own."""
        own = [
            each
            for each in self._registry.events()
            if each.genre == genre and each.tenant == tenant
        ]
        return versions.rolled_back(own, genre, reason)

    async def compared(self, adapters: Sequence[str]) -> Sequence[Mapping[str, Any]]:
        """Likes and dislikes of each adapter's texts, and how surely it is worse than the best."""
        records = await verdicts.records(self._settings)
        known = {name: records.get(name, Record()) for name in adapters}
        lost = losers(known)
        return [
            {
                "name": name,
                "liked": record.liked,
                "disliked": record.disliked,
                "share": record.share,
                "loses": name in lost,
                "worse": lost.get(name),
            }
            for name, record in known.items()
        ]

    def texts(self, file: Path) -> Iterator[tuple[str, str | None, str | None]]:
        """The texts of a file, each with what it answers and its document. Raises Rejected."""
        from genre_models.training.texts.sources import read_source

        return ((each.text, each.request, each.document) for each in read_source(str(file)))

    def exported(self, profile: PreferenceProfile) -> Mapping[str, Any]:
        """Everything that is remembered of a user."""
        from agents.exported import exported

        return exported(profile)

    def _line(self, genre: Genre, tenant: str | None) -> dict[str, Any]:
        return {
            "genre": genre.id,
            "family": genre.family,
            "description": genre.description,
            "adapters": list(self._registry.of_genre(genre.id, tenant)),
        }
