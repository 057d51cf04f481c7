"""What a stranger is like, how users differ, how noisy a reaction is: learned from the users.

E step, for every user:
    C = (Sigma^-1 + A / sigma^2)^-1,  a = C (b - A mu) / sigma^2,  m = mu + a
    P = Sigma^-1 - Sigma^-1 C Sigma^-1
M step, from sums over users alone:
    mu = V (V_0^-1 mu_0 + sum Sigma^-1 C b / sigma^2),  V = (V_0^-1 + sum P)^-1
    Sigma = X with  X (sum P + NU Sigma_0^-1) X = sum a a^T + NU Sigma_0
    sigma^2 = sum [yy - 2 m^T b + m^T A m + tr(A C)] / sum n

P is what the user's reactions know of mu: never more than Sigma^-1, however many. mu is generalised
least squares. Sigma is MM (Zhou, Hu, Qiao and Lange 2019): where a user says little it moves by
halves of the way on a log scale, where EM would crawl. For sigma^2, a user of n reactions counts as
less than NOISE_SHARE.

Partitions add their sums up, and everybody takes the same M step. Sums of different age may be
added (incremental EM, Neal and Hinton 1998).
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from genre_models.preferences.features import DIMENSION, FEATURES_VERSION
from genre_models.preferences.moments import Floats, gram, moment
from genre_models.preferences.population import Population, packed_dimension, packed_size
from genre_models.preferences.posterior import Prior, base_prior
from genre_models.preferences.row import UserRow
from schemas.errors import ModelError

NU = 5.0
NOISE_SHARE = 50.0
# Below this many users a covariance tells more about them than about users in general.
FEWEST_USERS = 50
_NOISE_RANGE = (0.05, 0.25)  # 0.25 is the variance of a coin

_HEADER = struct.Struct("<BHHQdd")
_VERSION = 2
_UPPER = np.triu_indices(DIMENSION)


def _nothing() -> Floats:
    return np.zeros((DIMENSION, DIMENSION))


@dataclass(frozen=True, slots=True, eq=False)
class Differences:
    """The E step summed over `users`.

    `precision` [d, d] (P) and `pull` [d] of the mean, `scatter` [d, d] (a a^T), `residual` (squared
    errors) and `reactions` (their weight).
    """

    users: int = 0
    precision: Floats = field(default_factory=_nothing)
    pull: Floats = field(default_factory=lambda: np.zeros(DIMENSION))
    scatter: Floats = field(default_factory=_nothing)
    residual: float = 0.0
    reactions: float = 0.0

    def __add__(self, other: Differences) -> Differences:
        return Differences(
            self.users + other.users,
            self.precision + other.precision,
            self.pull + other.pull,
            self.scatter + other.scatter,
            self.residual + other.residual,
            self.reactions + other.reactions,
        )

    def pack(self) -> bytes:
        """20 kB."""
        head = _HEADER.pack(
            _VERSION, FEATURES_VERSION, DIMENSION, self.users, self.residual, self.reactions
        )
        sums = np.concatenate((self.precision[_UPPER], self.scatter[_UPPER], self.pull))
        body = head + sums.astype("<f8").tobytes()
        return body + zlib.crc32(body).to_bytes(4, "little")

    @classmethod
    def unpack(cls, data: bytes) -> Differences:
        """What `pack` wrote, of this feature recipe or an earlier one.

        Raises ModelError `population_corrupt`: leave that partition out.
        """
        d = packed_dimension(data, _VERSION)
        half = (d or 0) * ((d or 0) + 1) // 2
        if d is None or len(data) != _HEADER.size + 8 * (2 * half + d) + 4:
            raise ModelError(
                "population_corrupt",
                f"expected sums of feature recipe {FEATURES_VERSION}, got {data[:5].hex()}",
            )
        sums = np.frombuffer(data, "<f8", 2 * half + d, _HEADER.size)
        if (
            zlib.crc32(data[:-4]) != int.from_bytes(data[-4:], "little")
            or not np.isfinite(sums).all()
        ):
            raise ModelError(
                "population_corrupt",
                "the checksum of a population record does not match; leave it out",
            )
        users, residual, reactions = _HEADER.unpack_from(data)[3:]
        return cls(
            users,
            _mirrored(sums[:half], d),
            np.pad(sums[2 * half :], (0, DIMENSION - d)),
            _mirrored(sums[half : 2 * half], d),
            residual,
            reactions,
        )


def differences(rows: Iterable[UserRow], prior: Prior) -> Differences:
    """The E step over those of `rows` that hold reactions: about 0.2 ms each."""
    certainty = np.linalg.inv(prior.spread)
    users, residual, reactions = 0, 0.0, 0.0
    covariances, scatter, moved = _nothing(), _nothing(), np.zeros(DIMENSION)
    for row in rows:
        if row.sums[-1] > 0:
            flat = row.moments(row.last)
            evidence, b = gram(flat), moment(flat)
            try:
                covariance = np.linalg.inv(certainty + evidence / prior.noise)
            except np.linalg.LinAlgError:
                continue  # one user's row must not cost all others their prior
            away = covariance @ (b - evidence @ prior.mean) / prior.noise
            share = 1 / (1 + flat[-1] / NOISE_SHARE)
            users += 1
            covariances += covariance
            moved += covariance @ b / prior.noise
            scatter += np.outer(away, away)
            residual += share * _residual(flat, evidence, b, prior.mean + away, covariance)
            reactions += share * float(flat[-1])
    precision = users * certainty - certainty @ covariances @ certainty
    return Differences(users, precision, certainty @ moved, scatter, residual, reactions)


def _residual(flat: Floats, evidence: Floats, b: Floats, mean: Floats, covariance: Floats) -> float:
    return float(flat[-2] - 2 * mean @ b + mean @ evidence @ mean + np.sum(evidence * covariance))


def prior_of(population: Population, differed: Differences, base: Prior | None = None) -> Prior:
    """The M step: what to believe of a stranger, from the sums of all partitions."""
    base = base or base_prior()
    if differed.users < FEWEST_USERS:
        return population.prior(base)
    start = np.linalg.inv(base.doubt)
    doubt = np.linalg.inv(start + differed.precision)
    spread = _solved(
        differed.precision + NU * np.linalg.inv(base.spread), differed.scatter + NU * base.spread
    )
    # twenty reactions' worth of the base noise keep a young population from certainty
    noise = (differed.residual + 20 * base.noise) / (differed.reactions + 20)
    noise = min(max(noise, _NOISE_RANGE[0]), _NOISE_RANGE[1])
    mean = doubt @ (start @ base.mean + differed.pull)
    return Prior(mean, spread, (doubt + doubt.T) / 2, noise)


def _solved(precision: Floats, scatter: Floats) -> Floats:
    """The positive definite X with X `precision` X = `scatter`."""
    values, vectors = np.linalg.eigh(precision)
    root = (vectors * np.sqrt(values)) @ vectors.T
    inverse = (vectors / np.sqrt(values)) @ vectors.T
    values, vectors = np.linalg.eigh(root @ scatter @ root)
    solved: Floats = inverse @ (vectors * np.sqrt(values)) @ vectors.T @ inverse
    return (solved + solved.T) / 2


def _mirrored(upper: Floats, d: int) -> Floats:
    """[DIMENSION, DIMENSION], symmetric, 0 beyond `d`."""
    full = _nothing()
    full[np.triu_indices(d)] = upper
    return full + np.triu(full, 1).T


def packed(population: Population, differed: Differences) -> bytes:
    """One record of one partition: 30 kB."""
    return population.pack() + differed.pack()


def unpacked(data: bytes) -> tuple[Population, Differences]:
    """What `packed` wrote. Raises ModelError `population_corrupt`: leave that partition out."""
    size = packed_size(data)
    return Population.unpack(data[:size]), Differences.unpack(data[size:])
