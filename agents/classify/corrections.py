"""What users said about their requests' genres: bounded, fading nudges for the classifier.

What several users of a tenant agree on lasts as an example. Nothing is stored for it: it follows
from the corrections that stand, so that one taken back, or its user erased, takes its voice along.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import count

import numpy as np
from numpy.typing import NDArray

from genre_models.encoder import dequantise
from schemas.corrections import Correction
from schemas.keys import user_of

HALF_LIFE = 30 * 86_400.0  # seconds, as preferences fade
MOST = 200  # corrections of one genre that count
READ = 1000  # corrections of one genre among which those that agree are looked for: the newest
OF_USER = 8  # corrections of one user that count: the newest, of as many genres
AGREEING = 3  # users who correct much the same request to the same genre make it an example
ALIKE = 0.8  # cosine of much the same requests: two ways to ask for the same text


class Corrections:
    """The newest correction of every user and genre. `apply` is the follower's callback."""

    def __init__(self) -> None:
        self._known: dict[str | None, dict[str, Correction]] = {}
        self.changes: dict[str | None, int] = {}
        """By tenant with corrections: the number of the last change to them."""
        self._changes = count(1)

    def apply(self, key: str, event: Correction | None) -> None:
        """Take the newest record of a key; a tombstone takes the correction back."""
        if event is not None:
            tenant = event.tenant
            self._known.setdefault(tenant, {})[key] = event
        else:
            _, tenant = user_of(key.rpartition("/")[0])
            known = self._known.get(tenant, {})
            known.pop(key, None)
            if not known:
                self._known.pop(tenant, None)
                self.changes.pop(tenant, None)
                return
        self.changes[tenant] = next(self._changes)

    def nudges(self, tenant: str | None, now: datetime) -> Mapping[str, NDArray[np.float32]]:
        """Requests by the genre to which a tenant's users corrected them, weighted.  # [n, 384]

        What several users agree on is an example: it does not fade, and comes first where not all
        can count.
        """
        by_genre: dict[str, list[Correction]] = defaultdict(list)
        of_user: Counter[str] = Counter()
        known = self._known.get(tenant, {}).copy().values()
        for correction in sorted(known, key=lambda each: each.time, reverse=True):
            of_user[correction.user_id] += 1
            if of_user[correction.user_id] <= OF_USER:
                by_genre[correction.genre].append(correction)
        return {genre: _weighted(found[:READ], now) for genre, found in by_genre.items()}


def _weighted(found: Sequence[Correction], now: datetime) -> NDArray[np.float32]:
    """The corrections to one genre, the newest first; each is another user's.  # [n, 384]"""
    rows = np.stack([dequantise(each.embedding) for each in found])
    agreed = (rows @ rows.T >= ALIKE).sum(axis=1) >= AGREEING
    faded = np.array([each.weight * _faded(each, now) for each in found], np.float32)
    weights = np.where(agreed, np.float32(1.0), faded)
    order = np.argsort(~agreed, kind="stable")[:MOST]
    weighted: NDArray[np.float32] = rows[order] * weights[order, None]
    return weighted


def _faded(correction: Correction, now: datetime) -> float:
    age = max(0.0, (now - correction.time).total_seconds())
    return float(2.0 ** (-age / HALF_LIFE))
