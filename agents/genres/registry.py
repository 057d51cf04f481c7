"""The adapters that may be used now: what the compacted topic `adapters` says, kept current by a
follower."""

from __future__ import annotations

import logging
from datetime import UTC, datetime

from genre_models.adapters import Adapter
from genre_models.taxonomy import Genre, Taxonomy
from schemas.adapters import AdapterEvent, Lineage
from schemas.errors import Rejected

log = logging.getLogger(__name__)


class Registry:
    """Published adapters by name, and the genres that they bring. `apply` is the follower's
    callback.

    What belongs to a tenant is seen by that tenant alone; what belongs to nobody by everybody.
    """

    def __init__(self, shipped: Taxonomy | None = None) -> None:
        self._shipped = shipped or Taxonomy.load()
        self._published: dict[str, AdapterEvent] = {}
        self._withdrawn: dict[str, AdapterEvent | None] = {}
        self._taxonomies: dict[str | None, Taxonomy] = {}
        self._before: dict[str | None, Taxonomy] = {}

    def apply(self, key: str, event: AdapterEvent | None) -> None:
        """Take the newest record of one name; a tombstone or a withdrawal removes it."""
        if event is None or event.kind == "withdrawn":
            self._published.pop(key, None)
            self._withdrawn[key] = event
        else:
            self._published[event.name] = event
            self._withdrawn.pop(event.name, None)
        self._taxonomies = {}

    def knows(self, name: str) -> bool:
        """Whether the topic says anything about that name: published, or withdrawn for good."""
        return name in self._published or name in self._withdrawn

    def published(self, name: str) -> AdapterEvent | None:
        """The announcement of an adapter that may be used."""
        return self._published.get(name)

    def newest(self, name: str) -> AdapterEvent | None:
        """The newest record of an adapter, published or withdrawn."""
        return self._published.get(name) or self._withdrawn.get(name)

    def of_genre(self, genre: str, tenant: str | None = None) -> tuple[str, ...]:
        """Names of the genre's adapters, newest first."""
        events = [event for event in self._seen_by(tenant) if event.genre == genre]
        return tuple(event.name for event in sorted(events, key=_age, reverse=True))

    def events(self) -> tuple[AdapterEvent, ...]:
        """The newest record of every adapter, withdrawn ones included, by name."""
        known = [
            *self._published.values(),
            *(event for event in self._withdrawn.values() if event is not None),
        ]
        return tuple(sorted(known, key=lambda event: event.name))

    def taxonomy(self, tenant: str | None = None) -> Taxonomy:
        """The genres that a tenant can ask for: those that come with GENRE, and those that have an
        adapter.

        The same object until a genre comes or goes.
        """
        taxonomies = self._taxonomies
        if tenant not in taxonomies:
            taxonomies[tenant] = self._grown(tenant)
        return taxonomies[tenant]

    def _grown(self, tenant: str | None) -> Taxonomy:
        newest = {event.genre: event for event in sorted(self._seen_by(tenant), key=_age)}
        if tenant is not None and not any(event.tenant for event in newest.values()):
            return self.taxonomy()
        grown = self._shipped
        for genre in sorted(newest):
            if genre not in self._shipped:
                grown = _with(grown, newest[genre])
        before = self._before.get(tenant)
        if before is not None and before.digest == grown.digest:
            return before
        self._before[tenant] = grown
        return grown

    def _seen_by(self, tenant: str | None) -> list[AdapterEvent]:
        return [
            event for event in tuple(self._published.values()) if event.tenant in (None, tenant)
        ]


def _age(event: AdapterEvent) -> tuple[datetime, str]:
    return event.time, event.name


def _with(taxonomy: Taxonomy, event: AdapterEvent) -> Taxonomy:
    """The taxonomy with the genre that an adapter brings; as it was where the event does not
    describe one."""
    noun = event.genre.replace("_", " ")
    try:
        return taxonomy.with_genre(
            Genre(
                id=event.genre,
                family=event.family,
                description=event.description.strip() or f"A {noun}.",
                instruction=event.instruction.strip() or f"Write a {noun}.",
                requests=tuple(dict.fromkeys(text for text in event.requests if text.strip())),
                texts=tuple(dict.fromkeys(event.texts)),
            )
        )
    except Rejected as error:
        log.warning("the genre of %s is not used: %s", event.name, error)
        return taxonomy


def announcement(adapter: Adapter, shipped: Taxonomy, location: str | None = None) -> AdapterEvent:
    """The event that publishes an adapter which lies in the worker's own store, or at
    `location`."""
    card, about = adapter.card, adapter.card.about
    genre = shipped.genres.get(card.genre)
    return AdapterEvent(
        kind="published",
        name=str(adapter.name),
        genre=card.genre,
        family=card.family,
        digest=adapter.digest,
        base_fingerprint=card.base,
        location=location,
        lineage=Lineage(
            parent=card.lineage.parent,
            data_digest=card.lineage.data,
            recipe=str(card.lineage.recipe)[:2000],
        ),
        metrics=card.metrics,
        tenant=card.tenant,
        description=about.description if about else genre.description if genre else "",
        instruction=about.instruction if about else genre.instruction if genre else "",
        requests=about.requests if about else genre.requests if genre else (),
        texts=about.texts if about else (),
        licence=card.licence[:2000],
        time=datetime.now(UTC),
    )
