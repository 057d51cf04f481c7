"""Deadlines: an open request past its deadline gets an `expired` set, generator alive or not."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from agents.failures import expired
from agents.recommend.decision_row import DecisionRow
from agents.recommend.ledger import Ledger
from schemas.candidates import CandidateSet
from streams.worker.delivery import Publish

log = logging.getLogger(__name__)

_PERIOD = 0.25
# The generator itself answers at the deadline; this is for when it cannot.
_GRACE = timedelta(seconds=1)
_AGAIN = timedelta(seconds=10)
# No deadline is as far away: it is of a request that was dated by a clock ahead.
_FARTHEST = timedelta(days=1)


@dataclass(slots=True, kw_only=True)
class Deadlines:
    """Publishes expired sets for the users whose partition this worker owns.

    Tables are written by `rank` alone.
    """

    ledger: Ledger
    owns: Callable[[str], bool]
    _told: dict[bytes, datetime] = field(default_factory=dict)

    async def run(self, publish: Publish) -> None:
        """Look for ever."""
        while True:
            await asyncio.sleep(_PERIOD)
            for overdue in self.due(datetime.now(UTC)):
                await publish(overdue)

    def due(self, now: datetime) -> list[CandidateSet]:
        """The sets to publish now; each again every ten seconds until it is answered."""
        waiting = self.ledger.waiting
        self._told = {key: told for key, told in self._told.items() if key in waiting}
        found = []
        for key, (deadline, user) in list(waiting.items()):
            told = self._told.get(key)
            is_untold = told is None or told + _AGAIN <= now
            is_overdue = not now - _GRACE < deadline < now + _FARTHEST
            if is_overdue and self.owns(user) and is_untold:
                self._told[key] = now
                found.append(self._expired(key))
        return [each for each in found if each is not None]

    def _expired(self, key: bytes) -> CandidateSet | None:
        """The set of one request; None where there is nothing to say of it."""
        try:
            decision = self.ledger.stored(key)
            return None if decision is None else _expired(decision)
        except Exception as error:
            self.ledger.counts["deadline_failed"] += 1
            log.error("decision %s: %s", key.rpartition(b"/")[2].decode(), type(error).__name__)
            return None


def _expired(decision: DecisionRow) -> CandidateSet:
    return CandidateSet(
        request_id=decision.request_id,
        user_id=decision.user_id,
        tenant=decision.tenant,
        failure=expired(decision.deadline, "passed before texts were written"),
    )
