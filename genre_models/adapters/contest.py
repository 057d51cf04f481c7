"""Which versions of a genre lose against the best one, by people's reactions to their texts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import erf, sqrt

LEAST = 30  # reactions that both versions need
SURE = 0.95  # probability that a version is worse than the best one, from which on it loses


@dataclass(frozen=True, slots=True)
class Record:
    """How often people liked and disliked the texts of one version."""

    liked: int = 0
    disliked: int = 0

    @property
    def reactions(self) -> int:
        """Both together."""
        return self.liked + self.disliked

    @property
    def share(self) -> float:
        """Mean of the Beta(1 + liked, 1 + disliked) posterior, 0..1."""
        return (1 + self.liked) / (2 + self.reactions)

    @property
    def variance(self) -> float:
        """Of the same posterior."""
        return self.share * (1 - self.share) / (3 + self.reactions)

    def counting(self, liked: bool) -> Record:
        """With one reaction more."""
        return Record(self.liked + liked, self.disliked + (not liked))


def worse(one: Record, other: Record) -> float:
    """Probability that texts of `one` are liked less than those of `other`.

    By the normal approximation of both posteriors.

    >>> (
    ...     round(worse(Record(50, 50), Record(50, 50)), 2),
    ...     round(worse(Record(10, 30), Record(30, 10)), 2),
    ... )
    (0.5, 1.0)
    """
    return (1 + erf((other.share - one.share) / sqrt(2 * (one.variance + other.variance)))) / 2


def losers(records: Mapping[str, Record]) -> dict[str, float]:
    """The versions that lose, never the best, each with the probability that it is worse."""
    proven = {name: record for name, record in records.items() if record.reactions >= LEAST}
    if not proven:
        return {}
    best = max(proven, key=lambda name: proven[name].share)
    odds = {name: worse(record, proven[best]) for name, record in proven.items() if name != best}
    return {name: probability for name, probability in odds.items() if probability >= SURE}
