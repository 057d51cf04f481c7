"""What all users have taught: sums by tenant and partition, shared by workers, and the prior.

The plain sums follow every row exactly. What users know of the mean, and how they differ, depends
on the prior itself and is summed over the rows again now and then; every worker takes the same step
from the same records.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count

from genre_models.preferences.empirical_bayes import (
    Differences,
    differences,
    packed,
    prior_of,
    unpacked,
)
from genre_models.preferences.features import FEATURES_VERSION
from genre_models.preferences.population import Population
from genre_models.preferences.posterior import Prior
from genre_models.preferences.row import UserRow, readable
from genre_models.preferences.signals import digest
from schemas.errors import ModelError
from schemas.keys import user_of
from schemas.population import PopulationSums
from streams.worker.delivery import Publish
from streams.worker.tables import Rows

log = logging.getLogger(__name__)

PERIOD = 2.0  # seconds between publications: a prior moves slowly
_PERIODS = 15  # between two E steps: 0.2 ms a user
_MOST = 1000  # users of one partition that an E step asks; more would tell hardly more
_AT_ONCE = 20  # users between two looks at the other tasks: 4 ms

Place = tuple[str | None, int]
"""Tenant and partition."""


@dataclass(slots=True, kw_only=True)
class Populations:
    """Sums own partitions from rows as they change; takes the others' sums from the topic."""

    users: Rows
    partition_of: Callable[[str], int]
    owned: Callable[[], frozenset[int]]
    partitions: int
    counts: Counter[str] = field(default_factory=Counter)
    """`population_left_out`: records that are corrupt, of another recipe or of no partition."""
    changed: dict[str, UserRow] = field(default_factory=dict)
    """The ledger's: of users whose row was replaced since it was added up, the row that was."""
    _own: dict[Place, Population] = field(default_factory=dict)
    _differed: dict[Place, Differences] = field(default_factory=dict)
    _others: dict[Place, tuple[Population, Differences]] = field(default_factory=dict)
    _stale: set[Place] = field(default_factory=set)
    _unpublished: set[Place] = field(default_factory=set)
    _counted: frozenset[int] = frozenset()
    _priors: dict[str | None, Prior] = field(default_factory=dict)

    def prior(self, tenant: str | None) -> Prior:
        """What is believed about a user of that tenant who has not reacted yet."""
        if tenant not in self._priors:
            self.catch_up()
            population, differed = Population(), Differences()
            for place, (sums, differing) in (self._others | self._own_records()).items():
                if place[0] == tenant:
                    population, differed = population + sums, differed + differing
            self._priors[tenant] = prior_of(population, differed)
        return self._priors[tenant]

    def catch_up(self) -> None:
        """Add up what has changed, but not while partitions move: then all is counted again."""
        while self.changed and self.owned():
            key, old = self.changed.popitem()
            stored = self.users.get(key.encode())
            self._exchange(key, old, None if stored is None else readable(stored))

    def _exchange(self, key: str, old: UserRow | None, new: UserRow | None) -> None:
        place = (user_of(key)[1], self.partition_of(key))
        self._own[place] = self._own.get(place, Population()).exchanged(old, new)
        self._unpublished.add(place)
        self._stale.add(place)

    def apply(self, _key: str, event: PopulationSums | None) -> None:
        """Take what a worker published about a partition; leave out and count what is unusable."""
        if event is None:
            return
        try:
            if event.features_version != FEATURES_VERSION or event.partition >= self.partitions:
                raise ModelError(
                    "population_foreign", "its partition or its feature recipe does not exist here"
                )
            self._others[(event.tenant, event.partition)] = unpacked(event.sums)
        except ModelError as error:
            self.counts["population_left_out"] += 1
            log.warning("population of %s/%s left out: %s", event.tenant, event.partition, error)
        self._priors.pop(event.tenant, None)

    def recount(self) -> None:
        """Sum the rows of the partitions that are owned now, after a recovery or a rebalance."""
        self._counted = self.owned()
        self._own, self._differed, self._priors = {}, {}, {}
        self.changed.clear()
        for raw, stored in list(self.users.items()):
            key = raw.decode()
            if not key.startswith("\0") and self.partition_of(key) in self._counted:
                self._exchange(key, None, readable(stored))

    async def run(self, publish: Publish) -> None:
        """Publish what has changed, for ever."""
        for period in count(1):
            await asyncio.sleep(PERIOD)
            # Nothing is owned while partitions move: until they have arrived, the old count stands.
            if self.owned() not in (self._counted, frozenset()):
                self.recount()
            self.catch_up()
            if period % _PERIODS == 0:
                await self.estimate()
            unpublished, self._unpublished = self._unpublished, set()
            for place in unpublished & self._own.keys():
                await publish(self._sums(place))
            self._priors = {}

    async def estimate(self) -> None:
        """The E step over own rows where any has changed: of all, or of an even sample of many."""
        self.catch_up()
        stale, self._stale = self._stale & self._own.keys(), set()
        found: dict[Place, Differences] = dict.fromkeys(stale, Differences())
        waiting: dict[Place, list[UserRow]] = {place: [] for place in stale}
        for raw, stored in list(self.users.items()):
            key = raw.decode()
            place = (user_of(key)[1], self.partition_of(key))
            is_asked = place in stale and not key.startswith("\0") and self._is_asked(place, key)
            row = readable(stored) if is_asked else None
            if row is not None:
                waiting[place].append(row)
                if len(waiting[place]) == _AT_ONCE:
                    found[place] += differences(waiting[place], self.prior(place[0]))
                    waiting[place] = []
                    await asyncio.sleep(0)
        self._differed |= {
            place: found[place] + differences(rows, self.prior(place[0]))
            for place, rows in waiting.items()
        }
        self._unpublished |= stale
        self._priors = {}

    def _is_asked(self, place: Place, key: str) -> bool:
        return digest(key) % (1 + self._own[place].users // _MOST) == 0

    def _own_records(self) -> dict[Place, tuple[Population, Differences]]:
        return {
            place: (sums, self._differed.get(place, Differences()))
            for place, sums in self._own.items()
        }

    def _sums(self, place: Place) -> PopulationSums:
        population, differed = self._own_records()[place]
        return PopulationSums(
            tenant=place[0],
            partition=place[1],
            users=population.users,
            features_version=FEATURES_VERSION,
            sums=packed(population, differed),
            time=datetime.now(UTC),
        )
