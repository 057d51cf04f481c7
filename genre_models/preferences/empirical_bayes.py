"""How much users differ and how noisy a reaction is, learned from the users themselves (empirical Bayes by EM).

E step, for every user:  C = (Sigma^-1 + A / sigma^2)^-1,  m = mu + C (b - A mu) / sigma^2
M step:  Sigma <- [sum (m - mu)(m - mu)^T + C + NU Sigma_0] / (U + NU),  sigma^2 <- sum [yy - 2 m^T b + m^T A m + tr(A
C)] / sum n

The E step is a sum over users: partitions add theirs up, and everybody takes the same M step, which needs the sums
alone. Sums of different age may be added (incremental EM, Neal and Hinton 1998).
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from genre_models.preferences.features import DIMENSION, FEATURES_VERSION
from genre_models.preferences.moments import Floats, gram, moment
from genre_models.preferences.population import Population
from genre_models.preferences.posterior import Prior, base_prior
from genre_models.preferences.row import UserRow
from schemas.errors import ModelError

NU = 20.0
# Below this many users a covariance tells more about them than about users in general.
FEWEST_USERS = 50
_NOISE_RANGE = (0.05, 0.25)  # 0.25 is the variance of a coin

_HEADER = struct.Struct("<BHHQdd")
_VERSION = 1


def _nothing() -> Floats:
    return np.zeros((DIMENSION, DIMENSION))


@dataclass(frozen=True, slots=True, eq=False)
class Differences:
    """The E step summed over `users`: `scatter` [d, d], `residual` (squared errors) and `reactions` (their weight)."""

    users: int = 0
    scatter: Floats = field(default_factory=_nothing)
    residual: float = 0.0
    reactions: float = 0.0

    def __add__(self, other: Differences) -> Differences:
        return Differences(
            self.users + other.users,
            self.scatter + other.scatter,
            self.residual + other.residual,
            self.reactions + other.reactions,
        )

    def pack(self) -> bytes:
        """About 9 kB."""
        header = _HEADER.pack(_VERSION, FEATURES_VERSION, DIMENSION, self.users, self.residual, self.reactions)
        body = header + self.scatter[np.triu_indices(DIMENSION)].astype("<f8").tobytes()
        return body + zlib.crc32(body).to_bytes(4, "little")

    @classmethod
    def unpack(cls, data: bytes) -> Differences:
        """What `pack` wrote. Raises ModelError `population_corrupt`: leave that partition out."""
        upper = np.triu_indices(DIMENSION)
        expected = _HEADER.size + 8 * len(upper[0]) + 4
        if len(data) != expected or zlib.crc32(data[:-4]).to_bytes(4, "little") != data[-4:]:
            raise ModelError("population_corrupt", "expected the differences of a population, got other bytes")
        version, features, d, users, residual, reactions = _HEADER.unpack_from(data)
        if (version, features, d) != (_VERSION, FEATURES_VERSION, DIMENSION):
            raise ModelError("population_corrupt", f"expected feature recipe {FEATURES_VERSION}, got {features}")
        scatter = _nothing()
        scatter[upper] = np.frombuffer(data, "<f8", len(upper[0]), _HEADER.size)
        return cls(users, scatter + np.triu(scatter, 1).T, residual, reactions)


def differences(rows: Iterable[UserRow], prior: Prior) -> Differences:
    """The E step over those of `rows` that hold reactions: about 0.2 ms each."""
    spread_inverse = np.linalg.inv(prior.spread)
    total = Differences()
    for row in rows:
        if row.sums[-1] > 0:
            total += _difference(row, prior, spread_inverse)
    return total


def _difference(row: UserRow, prior: Prior, spread_inverse: Floats) -> Differences:
    flat = row.moments(row.last)
    evidence, b = gram(flat), moment(flat)
    covariance = np.linalg.inv(spread_inverse + evidence / prior.noise)
    away = covariance @ (b - evidence @ prior.mean) / prior.noise
    mean = prior.mean + away
    residual = flat[-2] - 2 * mean @ b + mean @ evidence @ mean + np.sum(evidence * covariance)
    return Differences(1, np.outer(away, away) + covariance, float(residual), float(flat[-1]))


def prior_of(population: Population, differed: Differences, base: Prior | None = None, version: int = 0) -> Prior:
    """The M step: what to believe of a stranger, from the sums of all partitions."""
    base = base or base_prior()
    if differed.users < FEWEST_USERS:
        return population.prior(base, version)
    spread = (differed.scatter + NU * base.spread) / (differed.users + NU)
    # twenty reactions' worth of the base noise keep a young population from certainty
    noise = (differed.residual + 20 * base.noise) / (differed.reactions + 20)
    noise = min(max(noise, _NOISE_RANGE[0]), _NOISE_RANGE[1])
    return population.prior(Prior(base.mean, (spread + spread.T) / 2, base.doubt, noise), version)


def packed(population: Population, differed: Differences) -> bytes:
    """One record of one partition: 19 kB."""
    return population.pack() + differed.pack()


def unpacked(data: bytes) -> tuple[Population, Differences]:
    """What `packed` wrote. Raises ModelError `population_corrupt`: leave that partition out."""
    size = len(Population().pack())
    return Population.unpack(data[:size]), Differences.unpack(data[size:])
