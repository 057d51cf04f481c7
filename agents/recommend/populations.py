"""What all users have taught: sums by tenant and partition, shared by workers, and the prior.

The plain sums follow every row exactly. What users know of the mean, and how they differ, depends
on the prior itself and is summed over the rows again now and then; every worker takes the same step
from the same records. Nothing is kept, or published, of a tenant whose users have never reacted.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import Any

from genre_models.preferences.empirical_bayes import (
    Differences,
    differences,
    packed,
    prior_of,
    unpacked,
)
from genre_models.preferences.features import DIMENSIONS, FEATURES_VERSION
from genre_models.preferences.population import Population
from genre_models.preferences.posterior import Prior
from genre_models.preferences.row import UserRow, readable
from genre_models.preferences.signals import digest
from schemas.errors import ModelError
from schemas.keys import user_of
from schemas.population import PopulationSums
from streams.worker.delivery import Publish, Tombstone
from streams.worker.tables import Rows, scan

log = logging.getLogger(__name__)

PERIOD = 2.0  # seconds between publications: a prior moves slowly
_PERIODS = 15  # between two E steps: 0.2 ms a user
_MOST = 1000  # users of one partition that an E step asks; more would tell hardly more
_AT_ONCE = 20  # users between two looks at the other tasks: 4 ms

Tenant = str | None
Place = tuple[Tenant, int]
"""Tenant and partition."""

_NOBODY, _ALIKE = Population(), Differences()


@dataclass(slots=True)
class Crowd:
    """The users of one tenant on one partition who have reacted."""

    sums: Population = _NOBODY
    differed: Differences = _ALIKE
    asked: set[str] = field(default_factory=set)
    """Whom an E step asks: all, or an even sample of many, by their keys' digests."""
    _rate: int = 1

    def take(self, key: str, old: UserRow | None, new: UserRow | None) -> None:
        """Replace a user's row."""
        self.sums = self.sums.exchanged(old, new)
        if not _has_taught(new):
            self.asked.discard(key)
        elif digest(key) % self._rate == 0:
            self.asked.add(key)
        if len(self.asked) > _MOST:
            self._rate *= 2
            self.asked = {each for each in self.asked if digest(each) % self._rate == 0}


Crowds = dict[Tenant, dict[int, Crowd]]


@dataclass(slots=True, kw_only=True)
class Populations:
    """Sums own partitions from rows as they change; takes the others' sums from the topic."""

    users: Rows
    partition_of: Callable[[str], int]
    owned: Callable[[], frozenset[int]]
    partitions: int
    counts: Counter[str] = field(default_factory=Counter)
    """`tenants`, and `population_left_out`: corrupt, of another recipe or of no partition."""
    changed: dict[str, UserRow] = field(default_factory=dict)
    """The ledger's: of users whose row was replaced since it was added up, the row that was."""
    _own: Crowds = field(default_factory=dict)
    _others: dict[Tenant, dict[int, bytes]] = field(default_factory=dict)
    """As published, of the own partitions too: packed, since there may be many tenants."""
    _empty: set[Place] = field(default_factory=set)
    """What the topic says of nobody: whoever owns the partition deletes it."""
    _stale: set[Place] = field(default_factory=set)
    _unpublished: set[Place] = field(default_factory=set)
    _counted: frozenset[int] = frozenset()
    _recoveries: int = 0
    _priors: dict[Tenant, Prior] = field(default_factory=dict)
    _stranger: Prior = field(default_factory=lambda: prior_of(_NOBODY, _ALIKE))

    def prior(self, tenant: Tenant) -> Prior:
        """What is believed about a user of that tenant who has not reacted yet."""
        if tenant not in self._priors:
            self.catch_up()
            if not self.knows(tenant):
                return self._stranger
            own, others = self._own.get(tenant, {}), self._others.get(tenant, {})
            population, differed = _NOBODY, _ALIKE
            for crowd in own.values():
                population, differed = population + crowd.sums, differed + crowd.differed
            for partition in others.keys() - self._counted:
                sums, differing = unpacked(others[partition])
                population, differed = population + sums, differed + differing
            self._priors[tenant] = prior_of(population, differed)
        return self._priors[tenant]

    def knows(self, tenant: Tenant) -> bool:
        """Whether a user of that tenant has reacted, as far as this worker has heard."""
        return tenant in self._own or tenant in self._others

    @property
    def tenants(self) -> int:
        """How many tenants are known beside the default one."""
        return len((self._own.keys() | self._others.keys()) - {None})

    @property
    def users_here(self) -> int:
        """How many users of own partitions have reacted."""
        return sum(crowd.sums.users for own in self._own.values() for crowd in own.values())

    def catch_up(self) -> None:
        """Add up what has changed, but not before all was counted, nor while partitions move."""
        while self.changed and self._counted and self._counted == self.owned():
            key, old = self.changed.popitem()
            if self.partition_of(key) in self._counted:
                stored = self.users.get(key.encode())
                self._exchange(self._own, key, old, None if stored is None else readable(stored))

    def _exchange(self, crowds: Crowds, key: str, old: UserRow | None, new: UserRow | None) -> None:
        if not _has_taught(old) and not _has_taught(new):
            return
        tenant, partition = place = (user_of(key)[1], self.partition_of(key))
        crowd = crowds.setdefault(tenant, {}).setdefault(partition, Crowd())
        crowd.take(key, old, new)
        if not crowd.sums.users:
            _remove(crowds, place)
        self._unpublished.add(place)
        self._stale.add(place)

    def apply(self, key: str, event: PopulationSums | None) -> None:
        """Take what a worker published about a partition; leave out and count what is unusable."""
        place = _place(key) if event is None else (event.tenant, event.partition)
        if event is None or not event.users:
            _remove(self._others, place)
            (self._empty.discard if event is None else self._empty.add)(place)
        else:
            self._take(place, event)
        self._priors.pop(place[0], None)

    def _take(self, place: Place, event: PopulationSums) -> None:
        try:
            if event.features_version not in DIMENSIONS or event.partition >= self.partitions:
                raise ModelError(
                    "population_foreign", "its partition or its feature recipe does not exist here"
                )
            unpacked(event.sums)
            self._others.setdefault(place[0], {})[place[1]] = event.sums
        except ModelError as error:
            self.counts["population_left_out"] += 1
            log.warning("population of %s/%s left out: %s", event.tenant, event.partition, error)

    def recover(self) -> None:
        """After a recovery: rows may have changed elsewhere, so `run` will count all again.

        Until then, what was published last of these partitions stands for them.
        """
        self._recoveries += 1
        self._own, self._counted, self._priors = {}, frozenset(), {}
        self.changed.clear()

    async def recount(self) -> None:
        """Sum the rows of the partitions that are owned now, a few at a time.

        A row that changes before it is read counts as it is read, later changes afterwards. Where
        partitions move meanwhile, nothing was counted.
        """
        owned, recoveries, crowds = self.owned(), self._recoveries, Crowds()
        async for raw, stored in scan(self.users, owned, rest=True):
            if self._recoveries != recoveries:
                return
            key = raw.decode()
            if not key.startswith("\0") and self.partition_of(key) in owned:
                self.changed.pop(key, None)
                self._exchange(crowds, key, None, readable(stored))
        if self._recoveries != recoveries or self.owned() != owned:
            return
        self._own, self._counted, self._priors = crowds, owned, {}
        published = {(tenant, one) for tenant, known in self._others.items() for one in known}
        self._unpublished |= {each for each in published | self._empty if each[1] in owned}
        self.catch_up()

    async def run(self, publish: Publish) -> None:
        """Publish what has changed, for ever."""
        for period in count(1):
            await asyncio.sleep(PERIOD)
            # Nothing is owned while partitions move: until they have arrived, nothing is published.
            if self.owned() not in (self._counted, frozenset()):
                await self.recount()
            self.catch_up()
            if period % _PERIODS == 0:
                await self.estimate()
            await self.publish(publish)
            self.counts["tenants"] = self.tenants
            self._priors = {}

    async def publish(self, publish: Publish) -> None:
        """Publish the sums of own partitions that have changed; what holds nobody is deleted."""
        for place in sorted(self._unpublished, key=str):
            if place[1] not in self._counted or self._counted != self.owned():
                continue
            self._unpublished.discard(place)
            crowd = self._crowd(place)
            if crowd is not None:
                record = _record(place, crowd)
                await publish(record)
                self.apply(_key(place), record)
            elif place in self._empty or place[1] in self._others.get(place[0], {}):
                await publish(Tombstone(topic="population", key=_key(place)))

    async def estimate(self) -> None:
        """The E step over own rows where any has changed: of all, or of an even sample of many."""
        self.catch_up()
        stale, self._stale = self._stale, set()
        for place in stale:
            crowd = self._crowd(place)
            if crowd is not None:
                await self._estimate(place, crowd)
        self._priors = {}

    async def _estimate(self, place: Place, crowd: Crowd) -> None:
        found, rows = _ALIKE, list[UserRow]()
        asked = [key.encode() for key in sorted(crowd.asked)]
        for number, key in enumerate(asked, 1):
            stored = self.users.get(key)
            row = readable(stored) if stored is not None else None
            rows += [row] if row is not None else []
            if len(rows) == _AT_ONCE or number == len(asked):
                found += differences(rows, self.prior(place[0]))
                rows = []
                await asyncio.sleep(0)
                if self._crowd(place) is not crowd:
                    return  # its partition has moved
        crowd.differed = found
        self._unpublished.add(place)

    def _crowd(self, place: Place) -> Crowd | None:
        return self._own.get(place[0], {}).get(place[1])


def _key(place: Place) -> str:
    return f"{place[0] or ''}/{place[1]}"


def _place(key: str) -> Place:
    tenant, _, partition = key.rpartition("/")
    is_number = partition.isdecimal() and len(partition) < 10  # an int32
    return tenant or None, int(partition) if is_number else -1


def _has_taught(row: UserRow | None) -> bool:
    return row is not None and bool(row.sums[-1] > 0)


def _remove(known: dict[Tenant, dict[int, Any]], place: Place) -> None:
    """Forget a place, and its tenant with the last one."""
    of_tenant = known.get(place[0], {})
    of_tenant.pop(place[1], None)
    if not of_tenant:
        known.pop(place[0], None)


def _record(place: Place, crowd: Crowd) -> PopulationSums:
    return PopulationSums(
        tenant=place[0],
        partition=place[1],
        users=crowd.sums.users,
        features_version=FEATURES_VERSION,
        sums=packed(crowd.sums, crowd.differed),
        time=datetime.now(UTC),
    )
