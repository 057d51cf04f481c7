"""All users of one tenant as sums.

They are whole numbers, so partitions add up exactly and a user who leaves takes exactly theirs. The
prior mean is where the users' sums point:

G = G_0 + sum s_u A_u,  g = G_0 mu_0 + sum s_u b_u,  mu = G^-1 g,  V = sigma^2 G^-1

s_u = 1 / (1 + n_u / SHARE) is what a user's reactions are worth when users differ: however much one
user reacts, they count as fewer than `SHARE` reactions.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, field

import numpy as np

from genre_models.preferences.features import DIMENSION, DIMENSIONS, FEATURES_VERSION
from genre_models.preferences.moments import (
    SCALE,
    Floats,
    Integers,
    gram,
    moment,
    size,
    widened,
)
from genre_models.preferences.posterior import Prior
from genre_models.preferences.row import UserRow
from schemas.errors import ModelError

SHARE = 6.0

_HEADER = struct.Struct("<BHHQ")
_VERSION = 1


def _nothing() -> Integers:
    return np.zeros(size(DIMENSION), np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class Population:
    """`sums` int64 [size(DIMENSION)] over `users` who have reacted; `+` joins partitions."""

    users: int = 0
    sums: Integers = field(default_factory=_nothing)

    def __add__(self, other: Population) -> Population:
        return Population(self.users + other.users, self.sums + other.sums)

    def exchanged(self, old: UserRow | None, new: UserRow | None) -> Population:
        """The population after a user's row changed; None where there is no row."""
        before, after = contribution(old), contribution(new)
        users = self.users + int(after[-1] > 0) - int(before[-1] > 0)
        return Population(users, self.sums + after - before)

    def prior(self, base: Prior) -> Prior:
        """`base` with its mean moved to the users'; spread and noise stay (`empirical_bayes`)."""
        flat = self.sums / SCALE
        start: Floats = base.noise * np.linalg.inv(base.doubt)
        total: Floats = start + gram(flat)
        mean: Floats = np.linalg.solve(total, start @ base.mean + moment(flat))
        doubt: Floats = base.noise * np.linalg.inv(total)
        return Prior(mean, base.spread, (doubt + doubt.T) / 2, base.noise)

    def pack(self) -> bytes:
        """About 10 kB."""
        body = (
            _HEADER.pack(_VERSION, FEATURES_VERSION, DIMENSION, self.users)
            + self.sums.astype("<i8").tobytes()
        )
        return body + zlib.crc32(body).to_bytes(4, "little")

    @classmethod
    def unpack(cls, data: bytes) -> Population:
        """What `pack` wrote, of this feature recipe or an earlier one.

        Raises ModelError `population_corrupt`: leave that partition out.
        """
        d = packed_dimension(data, _VERSION)
        if d is None or len(data) != packed_size(data):
            raise ModelError(
                "population_corrupt",
                f"expected sums of feature recipe {FEATURES_VERSION}, got {data[:5].hex()}",
            )
        if zlib.crc32(data[:-4]) != int.from_bytes(data[-4:], "little"):
            raise ModelError(
                "population_corrupt",
                "the checksum of a population record does not match; leave it out",
            )
        users = _HEADER.unpack_from(data)[3]
        sums = np.frombuffer(data, "<i8", size(d), _HEADER.size).astype(np.int64)
        # integers below 2^53: exact as floats
        return cls(users, widened(sums, DIMENSION).astype(np.int64))


def packed_size(data: bytes) -> int:
    """How many bytes of a record that begins with a population are its."""
    return _HEADER.size + 8 * size(packed_dimension(data, _VERSION) or DIMENSION) + 4


def packed_dimension(data: bytes, version: int) -> int | None:
    """The d of a packed record of this version; None where its feature recipe is not known."""
    begins = {struct.pack("<BHH", version, recipe, d): d for recipe, d in DIMENSIONS.items()}
    return begins.get(data[:5])


def contribution(row: UserRow | None) -> Integers:
    """int64 [size(DIMENSION)]: what one user adds, a function of the row, not of the time."""
    if row is None or row.sums[-1] <= 0:
        return _nothing()
    weight = row.sums[-1] / SCALE
    return np.rint(row.sums / (1 + weight / SHARE)).astype(np.int64)
