"""Publishing what is believed about users, outside the events: at most one each a second."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from agents.genres.registry import Registry
from agents.recommend.ledger import Ledger
from genre_models.preferences.estimator import HierarchicalRegression
from genre_models.preferences.posterior import Posterior, Prior
from genre_models.preferences.profile import Profile, Taste, profile
from genre_models.preferences.row import UserRow
from genre_models.preferences.signals import digest
from schemas.keys import user_of
from schemas.preferences import Leaning, PreferenceProfile
from streams.worker.delivery import Publish

log = logging.getLogger(__name__)

_PERIOD = 1.0
# A profile takes several times as much processor time as learning a reaction. Publishing rests this
# many times as long as it computed: under load it comes later and leaves the learner its time.
_REST = 9


@dataclass(slots=True, kw_only=True)
class Profiles:
    """Publishes the profiles that the ledger says are due, once a second."""

    ledger: Ledger
    registry: Registry
    prior: Callable[[str | None], Prior]
    owns: Callable[[str], bool] = lambda key: True

    async def run(self, publish: Publish) -> None:
        """Publish for ever. What a crash leaves unpublished follows the user's next reaction.

        Of a user who has moved to another worker, that worker knows more.
        """
        while True:
            await asyncio.sleep(_PERIOD)
            for key in list(self.ledger.due):
                # Meanwhile an erase may have taken the user out, or another worker over.
                if key not in self.ledger.due or not self.owns(key):
                    continue
                del self.ledger.due[key]
                begun = time.thread_time()
                profile = self._made(key)
                rest = _REST * (time.thread_time() - begun)
                if profile is not None:
                    # Given to the producer at once, so that an erase's tombstone comes after it.
                    await publish(profile)
                await asyncio.sleep(rest)

    def _made(self, key: str) -> PreferenceProfile | None:
        """The profile; None, counted, where one user's row does not give any."""
        try:
            return self.profile(key)
        except Exception as error:
            self.ledger.counts["profile_failed"] += 1
            log.error("profile of user %016x: %s", digest(key), type(error).__name__)
            return None

    def profile(self, key: str) -> PreferenceProfile:
        """The profile of a user as of now."""
        row, (user_id, tenant) = self.ledger.user(key), user_of(key)
        tastes = self.read(row, tenant)
        return PreferenceProfile(
            user_id=user_id,
            tenant=tenant,
            reactions=row.reactions,
            likes=tuple(_leaning(taste) for taste in tastes.likes),
            dislikes=tuple(_leaning(taste) for taste in tastes.dislikes),
            summary=str(tastes)[:2000],
            taste_changed=datetime.fromtimestamp(max(row.alarms), UTC) if row.alarms else None,
            changes=tuple(datetime.fromtimestamp(alarm, UTC) for alarm in sorted(row.alarms)),
            row=row.pack(),
            time=datetime.now(UTC),
        )

    def posterior(self, row: UserRow, tenant: str | None) -> Posterior:
        """What is believed about the owner of a row, now."""
        moments = row.moments(datetime.now(UTC).timestamp())
        return HierarchicalRegression.of(self.prior(tenant), moments).posterior

    def read(self, row: UserRow, tenant: str | None) -> Profile:
        """The clear tastes of the owner of a row."""
        genres = self.registry.taxonomy(tenant).genres
        return profile(self.posterior(row, tenant), genres, row.reactions)


def _leaning(taste: Taste) -> Leaning:
    return Leaning(
        about=taste.words if taste.kind == "attribute" else f"{taste.kind} {taste.name}",
        mean=taste.mean,
        deviation=taste.deviation,
    )
