"""What is believed about a stranger and about a user; `HierarchicalRegression` links the two."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from genre_models.preferences.features import BLOCKS, DIMENSION
from genre_models.preferences.moments import Floats

_RIDGE = 0.01  # reactions that everything is taken to have had, so that A can be inverted


@dataclass(frozen=True, slots=True, eq=False)
class Prior:
    """What is believed about somebody who has not reacted yet.

    `mean` [d]; `spread` [d, d] is how users differ (Sigma), `doubt` [d, d] how little is known of
    the mean (V); `noise` > 0 is the variance of one reaction (sigma^2).
    """

    mean: Floats
    spread: Floats
    doubt: Floats
    noise: float
    precision: Floats = field(init=False)
    shift: Floats = field(init=False)

    def __post_init__(self) -> None:
        precision = np.linalg.inv(self.spread + self.doubt)
        object.__setattr__(self, "precision", (precision + precision.T) / 2)
        object.__setattr__(self, "shift", self.precision @ self.mean)

    def widened(self, d: int, variance: float) -> Prior:
        """The same with `d` features in all.

        The new ones are independent, of mean 0 and `variance` > 0.
        """
        known = len(self.mean)
        if d == known:
            return self
        spread = variance * np.eye(d)
        spread[:known, :known] = self.spread
        more = 0, d - known
        return Prior(np.pad(self.mean, more), spread, np.pad(self.doubt, more), self.noise)


NOTHING_KNOWN = Prior(np.zeros(0), np.zeros((0, 0)), np.zeros((0, 0)), noise=1.0)


@dataclass(frozen=True, slots=True, eq=False)
class Posterior:
    """What is believed about a user.

    `mean` [d]; `root` [d, d] with covariance = root^T root; `evidence` [d, d] = A, the user's
    own weighted reactions.
    """

    mean: Floats
    root: Floats
    evidence: Floats

    @property
    def covariance(self) -> Floats:
        """[d, d]."""
        return self.root.T @ self.root

    def deviation(self, direction: Floats) -> float:
        """Standard deviation of the taste along `direction` [d]."""
        return float(np.linalg.norm(self.root @ direction))

    def reactions(self, direction: Floats) -> float:
        """About how many reactions speak about `direction` v [d]: v^T A v / (v^T v)^2."""
        square = float(direction @ direction)
        weighted = float(direction @ self.evidence @ direction)
        return weighted / (square * square) if square > 0 else 0.0

    def reactions_to(self, code: Floats, columns: slice) -> float:
        """How many of the user's reactions were to what `code` (length 1) means in `columns`.

        1 / (v^T A^-1 v) is what A holds of v beyond all else that was reacted to, so things with
        similar codes are not mistaken for each other: exact while no more things were reacted to
        than there are columns.
        """
        evidence = self.evidence[columns, columns] + _RIDGE * np.eye(len(code))
        return float(1 / (code @ np.linalg.solve(evidence, code)))

    def draws(self, phi: Floats, count: int, alpha: float, random: np.random.Generator) -> Floats:
        """[count, k]: joint draws of the scores of `phi` [k, d].

        Deviations are scaled by `alpha` >= 0.
        """
        if len(phi) > len(self.mean):  # a draw of the weights costs less then
            weights = random.standard_normal((count, len(self.mean))) @ self.root
            apart = 1e-9**0.5 * random.standard_normal((count, len(phi)))
            return phi @ self.mean + alpha * (weights @ phi.T + apart)
        spread = phi @ self.root.T
        covariance = spread @ spread.T
        covariance.flat[:: len(phi) + 1] += 1e-9  # two equal candidates leave it singular
        noise = random.standard_normal((count, len(phi))) @ np.linalg.cholesky(covariance).T
        return phi @ self.mean + alpha * noise


# Before any population is known: like-rates spread by about 0.25 between a user's genres and 0.17
# between families, tastes in style are weaker; a request's clear genre leads by about 0.15 before a
# user's taste overrules it. What orders the texts of one request for a stranger is how they are
# judged: how surely they read as their genre only adds to their quality, or it would outvote that.
_MEAN: Mapping[str, tuple[float, ...]] = {
    "bias": (0.4,),
    "styled": (-0.04,),
    "fit": (0.3, 0.0, 0.0),
    "judged": (0.1,),
}
_SPREAD = {
    "bias": 0.02,
    "family": 0.02,
    "genre": 0.05,
    "adapter": 0.01,
    "styled": 0.01,
    "attributes": 0.03,
    "embedding": 0.015,
    "fit": 0.01,
    "context": 0.01,
    "judged": 0.02,
}
_DOUBT = {"bias": 0.01, "family": 0.01, "genre": 0.02}
NOISE = 0.15


@lru_cache(maxsize=1)
def base_prior() -> Prior:
    """The prior of a system without users."""
    mean = np.zeros(DIMENSION)
    spread = np.zeros(DIMENSION)
    doubt = np.zeros(DIMENSION)
    for name, columns in BLOCKS.items():
        mean[columns] = _MEAN.get(name, (0.0,) * (columns.stop - columns.start))
        spread[columns] = _SPREAD[name]
        doubt[columns] = _DOUBT.get(name, 0.005)
    return Prior(mean, np.diag(spread), np.diag(doubt), NOISE)
