"""The adapters that may be used now, as a follower reads them from the compacted `adapters`."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

from genre_models.adapters import Adapter
from genre_models.adapters.name import POOLED
from genre_models.sampling import USUAL
from genre_models.taxonomy import Genre, Taxonomy
from genre_models.taxonomy.codes import SALT, allot
from schemas.adapters import AdapterEvent, Lineage
from schemas.errors import Rejected

log = logging.getLogger(__name__)


class Registry:
    """Published adapters by name, and the genres that they bring.

    `apply` is the follower's callback. What belongs to a tenant is seen by that tenant alone; what
    belongs to nobody by everybody. `shipped` are the genres that come with GENRE. Where `base` is
    given, the fingerprint of a base model, a genre's adapters are those made for it; the genres of
    others can be asked for all the same, and are written without.
    """

    def __init__(self, shipped: Taxonomy | None = None, *, base: str | None = None) -> None:
        self.shipped = shipped or Taxonomy.load()
        self._base = base
        self._published: dict[str, AdapterEvent] = {}
        self._by_tenant: dict[str | None, dict[str, AdapterEvent]] = {}
        self._withdrawn: dict[str, AdapterEvent | None] = {}
        self._taxonomies: dict[str | None, Taxonomy] = {}
        self._before: dict[str | None, Taxonomy] = {}
        self._salts: dict[str, int] = {}

    def apply(self, key: str, event: AdapterEvent | None) -> None:
        """Take the newest record of one name; a tombstone or a withdrawal removes it."""
        if event is None or event.kind == "withdrawn":
            self._forget(key)
            self._withdrawn[key] = event
        else:
            self._forget(event.name)
            self._published[event.name] = event
            self._by_tenant.setdefault(event.tenant, {})[event.name] = event
            self._withdrawn.pop(event.name, None)
        self._taxonomies, self._salts = {}, {}

    def _forget(self, name: str) -> None:
        before = self._published.pop(name, None)
        if before is not None:
            del self._by_tenant[before.tenant][name]
            if not self._by_tenant[before.tenant]:
                del self._by_tenant[before.tenant]

    def knows(self, name: str) -> bool:
        """Whether the topic says anything about that name: published, or withdrawn for good."""
        return name in self._published or name in self._withdrawn

    def published(self, name: str) -> AdapterEvent | None:
        """The announcement of an adapter that may be used."""
        return self._published.get(name)

    def newest(self, name: str) -> AdapterEvent | None:
        """The newest record of an adapter, published or withdrawn."""
        return self._published.get(name) or self._withdrawn.get(name)

    def lineage(self) -> list[tuple[str, str]]:
        """Every adapter that went on from another, with that one; ancestors first."""
        parents = {event.name: event.lineage.parent for event in self.events()}

        def depth(name: str) -> int:
            depth, parent = 0, parents.get(name)
            while parent is not None and depth < len(parents):  # names may be made up in a circle
                depth, parent = depth + 1, parents.get(parent)
            return depth

        return [(name, parent) for name in sorted(parents, key=depth) if (parent := parents[name])]

    def of_genre(self, genre: str, tenant: str | None = None) -> tuple[str, ...]:
        """Names of the genre's adapters that may be used, newest first."""
        events = [
            event
            for event in self._seen_by(tenant)
            if event.genre == genre and self._base in (None, event.base_fingerprint)
        ]
        return tuple(event.name for event in sorted(events, key=_age, reverse=True))

    def writers(self, genre: str, tenant: str | None = None) -> tuple[str, ...]:
        """Names of the adapters that may write a genre: its own, else the newest pooled one."""
        return self.of_genre(genre, tenant) or self.of_genre(POOLED, tenant)[:1]

    def events(self) -> tuple[AdapterEvent, ...]:
        """The newest record of every adapter, withdrawn ones included, by name."""
        newest = (*self._published.values(), *self._withdrawn.values())
        known = [event for event in newest if event is not None]
        return tuple(sorted(known, key=lambda event: event.name))

    def salt(self, genre: str) -> int:
        """The salt of a genre, that of new ones where it is not known."""
        return self.salts().get(genre, SALT)

    def salts(self) -> Mapping[str, int]:
        """The salt of every genre ever shipped or brought by any tenant's adapter, even withdrawn.

        Where there are events, they say it, even of a genre that was shipped later. Should workers
        that did not know of each other have given a genre two salts, the larger counts: events of
        an older release say none, which stands for the smallest.
        """
        salts = self._salts
        if not salts:
            said: dict[str, int] = {}
            for event in self.events():
                salt = SALT if event.salt is None else event.salt
                said[event.genre] = max(salt, said.get(event.genre, salt))
            shipped = {genre.id: genre.salt for genre in self.shipped.genres.values()}
            salts.update(shipped | said)
        return salts

    def home(self, tenant: str | None) -> str | None:
        """The tenant where it has adapters of its own; else nobody, whose genres it shares.

        What is made for a tenant is kept under its home: any name can be sent, few have adapters.
        """
        return tenant if tenant in self._by_tenant else None

    def taxonomy(self, tenant: str | None = None) -> Taxonomy:
        """The genres that a tenant can ask for: GENRE's own, and those with an adapter.

        The same object until a genre comes or goes.
        """
        taxonomies, tenant = self._taxonomies, self.home(tenant)
        if tenant not in taxonomies:
            taxonomies[tenant] = self._grown(tenant)
        return taxonomies[tenant]

    def _grown(self, tenant: str | None) -> Taxonomy:
        newest = {event.genre: event for event in sorted(self._seen_by(tenant), key=_age)}
        if tenant is not None and not any(event.tenant for event in newest.values()):
            return self.taxonomy()
        salts, grown = self.salts(), self.shipped
        for shipped in self.shipped.genres.values():
            if salts[shipped.id] != shipped.salt:
                grown = grown.with_genre(replace(shipped, salt=salts[shipped.id]))
        for genre in sorted(newest.keys() - self.shipped.genres.keys() - {POOLED}):
            grown = _with(grown, newest[genre], salts[genre])
        before = self._before.get(tenant)
        if before is not None and before.genres == grown.genres:
            return before
        self._before[tenant] = grown
        return grown

    def _seen_by(self, tenant: str | None) -> list[AdapterEvent]:
        homes = {None, self.home(tenant)}
        return [event for home in homes for event in (*self._by_tenant.get(home, {}).values(),)]


def _age(event: AdapterEvent) -> tuple[datetime, str]:
    return event.time, event.name


def _with(taxonomy: Taxonomy, event: AdapterEvent, salt: int) -> Taxonomy:
    """The taxonomy with an adapter's genre; as it was where the event does not describe one."""
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
                sampling=event.sampling or USUAL,
                salt=salt,
            )
        )
    except Rejected as error:
        log.warning("the genre of %s is not used: %s", event.name, error)
        return taxonomy


def announcement(adapter: Adapter, registry: Registry, location: str | None = None) -> AdapterEvent:
    """The event that publishes an adapter which lies in the worker's own store, or at `location`.

    A genre that the registry does not know yet is given its salt here.
    """
    card, about = adapter.card, adapter.card.about
    genre = registry.shipped.genres.get(card.genre)
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
        sampling=about.sampling if about else genre.sampling if genre else None,
        salt=allot(card.genre, registry.salts()),
        licence=card.licence[:2000],
        time=datetime.now(UTC),
    )
