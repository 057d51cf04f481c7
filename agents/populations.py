"""What all users have taught together: sums a tenant and partition, published for the other workers, and the prior."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from genre_models.preferences.features import FEATURES_VERSION
from genre_models.preferences.population import Population
from genre_models.preferences.posterior import Prior, base_prior
from genre_models.preferences.row import UserRow
from schemas.errors import ModelError
from schemas.population import PopulationSums
from streams.delivery import Output
from streams.outbox import Outbox
from streams.tables import Rows

log = logging.getLogger(__name__)

_PERIOD = 2.0  # seconds between publications: a prior moves slowly

Place = tuple[str | None, int]
"""Tenant and partition."""


@dataclass(slots=True, kw_only=True)
class Populations:
    """Own partitions are summed from the rows as they change; the others' sums come from the topic."""

    users: Rows
    partition_of: Callable[[str], int]
    owned: Callable[[], frozenset[int]]
    _own: dict[Place, Population] = field(default_factory=dict)
    _others: dict[Place, Population] = field(default_factory=dict)
    _changed: set[Place] = field(default_factory=set)
    _counted: frozenset[int] = frozenset()
    _priors: dict[str | None, Prior] = field(default_factory=dict)

    def prior(self, tenant: str | None) -> Prior:
        """What is believed about a user of that tenant who has not reacted yet."""
        if tenant not in self._priors:
            total = Population()
            for place, population in (self._others | self._own).items():
                if place[0] == tenant:
                    total = total + population
            self._priors[tenant] = total.prior(base_prior())
        return self._priors[tenant]

    def exchange(self, key: str, old: UserRow | None, new: UserRow | None) -> None:
        """A user's row has changed."""
        place = (_tenant(key), self.partition_of(key))
        self._own[place] = self._own.get(place, Population()).exchanged(old, new)
        self._changed.add(place)

    def apply(self, _key: str, event: PopulationSums | None) -> None:
        """Take what a worker published about a partition; sums of another feature recipe are left out."""
        if event is None or event.features_version != FEATURES_VERSION:
            return
        try:
            self._others[(event.tenant, event.partition)] = Population.unpack(event.sums)
        except ModelError as error:
            log.warning("population of %s/%s left out: %s", event.tenant, event.partition, error)
        self._priors.pop(event.tenant, None)

    def recount(self) -> None:
        """Sum the rows of the partitions that are owned now, after a recovery or a rebalance."""
        self._counted = self.owned()
        self._own, self._priors = {}, {}
        for raw, packed in list(self.users.items()):
            key = raw.decode()
            if not key.startswith("\0") and self.partition_of(key) in self._counted:
                self.exchange(key, None, _row(packed))

    async def run(self, outbox: Callable[[], Outbox]) -> None:
        """Publish what has changed, for ever."""
        while True:
            await asyncio.sleep(_PERIOD)
            # Nothing is owned while partitions move: what was counted stands until they have arrived.
            if self.owned() not in (self._counted, frozenset()):
                self.recount()
            changed, self._changed = self._changed, set()
            for place in changed & self._own.keys():
                await outbox().publish(Output(event=self._sums(place)))
            self._priors = {}

    def _sums(self, place: Place) -> PopulationSums:
        population = self._own[place]
        return PopulationSums(
            tenant=place[0],
            partition=place[1],
            users=population.users,
            features_version=FEATURES_VERSION,
            sums=population.pack(),
            time=datetime.now(UTC),
        )


def _tenant(key: str) -> str | None:
    return key.rpartition("/")[0] or None


def _row(packed: bytes) -> UserRow | None:
    try:
        return UserRow.unpack(packed)
    except ModelError:
        return None
