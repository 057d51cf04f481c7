"""What the gateway is told of genres, adapters, users' rows and people's files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from agents.genres.registry import Registry
from schemas.adapters import AdapterEvent
from schemas.preferences import PreferenceProfile


class RegistryCatalogue:
    """The genres and adapters of a registry, as each tenant sees them.

    What few requests need is imported with the first: it takes as long as all else at start.
    """

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def genres(self, tenant: str | None) -> Sequence[Mapping[str, Any]]:
        """The genres that a tenant can ask for, by name."""
        return [
            {
                "genre": genre.id,
                "family": genre.family,
                "description": genre.description,
                "requests": list(genre.requests[:5]),
                "adapters": list(self._registry.of_genre(genre.id, tenant)),
            }
            for genre in self._registry.taxonomy(tenant).genres.values()
        ]

    def adapters(self, tenant: str | None) -> Sequence[AdapterEvent]:
        """The newest record of each adapter that is everybody's, or this tenant's."""
        return [each for each in self._registry.events() if each.tenant in (None, tenant)]

    def texts(self, file: Path) -> Iterator[tuple[str, str | None, str | None]]:
        """The texts of a file, each with what it answers and its document. Raises Rejected."""
        from genre_models.training.texts.sources import read_source

        return ((each.text, each.request, each.document) for each in read_source(str(file)))

    def exported(self, profile: PreferenceProfile) -> Mapping[str, Any]:
        """Everything that is remembered of a user."""
        from agents.exported import exported

        return exported(profile)
