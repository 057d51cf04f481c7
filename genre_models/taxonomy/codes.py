"""The code of a genre: the numbers by which the preference model tells genres apart.

A code is a hash of the genre's name and salt, so every worker computes the same one and it never
changes. Hashes of two names may point almost the same way, and what is learned about one genre then
counts for the other too. Therefore a genre gets its salt when it first appears: the first whose
code keeps away from those of all known genres. At least 300 genres fit.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from math import dist, hypot
from struct import unpack

SIZE = 18
NEAR = 0.56  # of 38 random codes the nearest two usually have a cosine of 0.71
# Of 40,000 salts, the one that keeps the codes of 38 starter genres apart best (cosines to 0.55).
SALT = 4027
_TRIES = 16384

Code = tuple[float, ...]  # [SIZE], of length 1


def hashed(text: str, size: int) -> tuple[float, ...]:
    """`size` (1 to 32) numbers in [-32767.5, 32767.5], a function of the text alone."""
    digest = blake2b(text.encode(), digest_size=2 * size).digest()
    return tuple(number - 32767.5 for number in unpack(f"<{size}H", digest))


def direction(genre: str, salt: int) -> tuple[float, ...]:
    """[SIZE] numbers in [-32767.5, 32767.5]: a genre's code before it is scaled to length 1."""
    return hashed(f"1/{salt}/genre/{genre}", SIZE)


def code(genre: str, salt: int) -> Code:
    """The code of a genre in double precision."""
    towards = direction(genre, salt)
    length = hypot(*towards)
    return tuple(number / length for number in towards)


def nearness(one: Code, other: Code) -> float:
    """|cosine| of two codes, 0 to 1: those of different genres should be below `NEAR`."""
    return abs(1 - dist(one, other) ** 2 / 2)


def allot(genre: str, known: Mapping[str, int]) -> int:
    """The salt of a genre; `known` maps all genres so far to theirs.

    A known genre keeps its salt. A new one gets the first, from `SALT` on, whose code is apart from
    those of all known genres; where none of 16384 is, the one whose nearest is least near.
    """
    if genre in known:
        return known[genre]
    codes = [code(*each) for each in known.items()]
    best, nearest = SALT, 1.0
    for salt in range(SALT, SALT + _TRIES):
        own = code(genre, salt)
        if all(nearness(own, other) < nearest for other in codes):
            best, nearest = salt, max((nearness(own, other) for other in codes), default=0.0)
        if nearest < NEAR:
            break
    return best
