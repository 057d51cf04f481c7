"""The adapters that may be used now: what the compacted topic `adapters` says, kept current by a follower."""

from __future__ import annotations

from datetime import UTC, datetime

from genre_models.adapters import Adapter
from schemas.adapters import AdapterEvent, Lineage


class Registry:
    """Published adapters by name. `apply` is the follower's callback."""

    def __init__(self) -> None:
        self._published: dict[str, AdapterEvent] = {}
        self._withdrawn: set[str] = set()

    def apply(self, key: str, event: AdapterEvent | None) -> None:
        """Take the newest record of one name; a tombstone or a withdrawal removes it."""
        if event is None or event.kind == "withdrawn":
            self._published.pop(key, None)
            self._withdrawn.add(key)
        else:
            self._published[event.name] = event
            self._withdrawn.discard(event.name)

    def knows(self, name: str) -> bool:
        """Whether the topic says anything about that name: published, or withdrawn for good."""
        return name in self._published or name in self._withdrawn

    def of_genre(self, genre: str) -> tuple[str, ...]:
        """Names of the genre's adapters, newest first."""
        events = [event for event in self._published.values() if event.genre == genre]
        return tuple(event.name for event in sorted(events, key=lambda event: (event.time, event.name), reverse=True))

    def events(self) -> tuple[AdapterEvent, ...]:
        """Every published adapter, by name."""
        return tuple(self._published[name] for name in sorted(self._published))


def announcement(adapter: Adapter, description: str, requests: tuple[str, ...]) -> AdapterEvent:
    """The event that publishes an adapter which lies in the worker's own store."""
    card = adapter.card
    return AdapterEvent(
        kind="published",
        name=str(adapter.name),
        genre=card.genre,
        family=card.family,
        digest=adapter.digest,
        base_fingerprint=card.base,
        lineage=Lineage(
            parent=card.lineage.parent, data_digest=card.lineage.data, recipe=str(card.lineage.recipe)[:2000]
        ),
        metrics=card.metrics,
        description=description,
        requests=requests,
        licence=card.licence,
        time=datetime.now(UTC),
    )
