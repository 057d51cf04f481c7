"""Publishing what is believed about users: at most one profile a user a second, outside the
events."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from agents.genres.registry import Registry
from agents.recommend.ledger import Ledger
from genre_models.preferences.estimator import HierarchicalRegression
from genre_models.preferences.posterior import Posterior, Prior
from genre_models.preferences.profile import Profile, Taste, profile
from genre_models.preferences.row import UserRow
from schemas.keys import user_key
from schemas.preferences import Leaning, PreferenceProfile
from streams.worker.delivery import Publish

_PERIOD = 1.0
# A profile takes the processor several times as long as a reaction takes to learn: publishing rests
# this many times as long as it computed, so that under load it follows later instead of taking the
# learner's time.
_REST = 9


@dataclass(slots=True, kw_only=True)
class Profiles:
    """Remembers whose row has changed and publishes their profiles once a second."""

    ledger: Ledger
    registry: Registry
    prior: Callable[[str | None], Prior]
    _changed: dict[str, tuple[str, str | None]] = field(default_factory=dict)

    def note(self, user_id: str, tenant: str | None) -> None:
        """The user's row has changed."""
        self._changed[user_key(user_id, tenant)] = (user_id, tenant)

    def forget(self, key: str) -> None:
        """The user was erased: nothing is left to publish."""
        self._changed.pop(key, None)

    async def run(self, publish: Publish) -> None:
        """Publish for ever. What a crash leaves unpublished follows the user's next reaction."""
        while True:
            await asyncio.sleep(_PERIOD)
            changed, self._changed = self._changed, {}
            for user_id, tenant in changed.values():
                begun = time.thread_time()
                profile = self.profile(user_id, tenant)
                rest = _REST * (time.thread_time() - begun)
                await publish(profile)
                await asyncio.sleep(rest)

    def profile(self, user_id: str, tenant: str | None) -> PreferenceProfile:
        """The user's profile as of now."""
        row = self.ledger.user(user_key(user_id, tenant))
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
        taxonomy = self.registry.taxonomy(tenant)
        genres = {genre: taxonomy.family_of(genre) for genre in taxonomy.genres}
        return profile(self.posterior(row, tenant), genres, row.reactions)


def _leaning(taste: Taste) -> Leaning:
    return Leaning(
        about=taste.words if taste.kind == "attribute" else f"{taste.kind} {taste.name}",
        mean=taste.mean,
        deviation=taste.deviation,
    )
