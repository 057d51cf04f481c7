"""What users said about their requests' genres, as bounded, fading nudges for the classifier."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from genre_models.encoder import dequantise
from schemas.corrections import Correction
from schemas.keys import user_of

HALF_LIFE = 30 * 86_400.0  # seconds, as preferences fade
MOST = 200  # corrections of one genre that count: the newest


class Corrections:
    """The newest correction of every user and genre. `apply` is the follower's callback."""

    def __init__(self) -> None:
        self._known: dict[str | None, dict[str, Correction]] = {}
        self.version = 0
        """Grows with every change."""

    def apply(self, key: str, event: Correction | None) -> None:
        """Take the newest record of a key; a tombstone takes the correction back."""
        if event is not None:
            self._known.setdefault(event.tenant, {})[key] = event
        else:
            _, tenant = user_of(key.rpartition("/")[0])
            known = self._known.get(tenant, {})
            known.pop(key, None)
            if not known:
                self._known.pop(tenant, None)
        self.version += 1

    def nudges(self, tenant: str | None, now: datetime) -> Mapping[str, NDArray[np.float32]]:
        """Requests by the genre to which a tenant's users corrected them, weighted.  # [n, 384]"""
        by_genre: dict[str, list[Correction]] = defaultdict(list)
        known = self._known.get(tenant, {}).copy().values()
        for correction in sorted(known, key=lambda each: each.time, reverse=True):
            if len(by_genre[correction.genre]) < MOST:
                by_genre[correction.genre].append(correction)
        return {
            genre: np.stack([_scaled(each, now) for each in found])
            for genre, found in by_genre.items()
        }


def _scaled(correction: Correction, now: datetime) -> NDArray[np.float32]:
    age = max(0.0, (now - correction.time).total_seconds())
    weight = np.float32(correction.weight * 2.0 ** (-age / HALF_LIFE))
    scaled: NDArray[np.float32] = dequantise(correction.embedding) * weight
    return scaled
