"""What a reaction says: a pseudo-observation with a weight and a target in [0, 1].

Within one candidate the signals of one *slot* replace each other (a later rating replaces an
earlier one or a like; a click replaces "shown and passed over"); signals of different slots add,
capped at `CANDIDATE_CAP` together.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from hashlib import blake2b
from math import erf, isfinite, log, sqrt
from types import MappingProxyType

from schemas.errors import Rejected

SIGNALS_VERSION = 1
CANDIDATE_CAP = 2.0


class Kind(IntEnum):
    """Stored in rows as one byte: numbers are for ever. VOID stands for a retracted signal."""

    VOID = 0
    RATING = 1
    LIKE = 2
    DISLIKE = 3
    CLICK = 4
    DWELL = 5
    ACCEPT = 6
    COPY = 7
    EDIT = 8
    REGENERATE = 9
    CHOOSE = 10
    SHOWN = 11
    GENRE_CORRECTION = 12
    HISTORY = 13


KINDS: Mapping[str, Kind] = MappingProxyType(
    {kind.name.lower(): kind for kind in Kind if kind is not Kind.VOID}
)

# kind -> (slot, rank within the slot, weight): the largest rank wins, then the latest.
RULES: Mapping[Kind, tuple[str, int, float]] = MappingProxyType(
    {
        Kind.RATING: ("verdict", 0, 1.0),
        Kind.LIKE: ("verdict", 0, 1.0),
        Kind.DISLIKE: ("verdict", 0, 1.0),
        Kind.SHOWN: ("attention", 0, 0.25),
        Kind.CLICK: ("attention", 1, 0.25),
        Kind.DWELL: ("dwell", 0, 0.2),
        Kind.ACCEPT: ("use", 1, 0.8),
        Kind.COPY: ("use", 0, 0.8),
        Kind.EDIT: ("use", 2, 0.7),
        Kind.REGENERATE: ("regenerate", 0, 0.5),
        Kind.CHOOSE: ("choose", 0, 0.5),
        # the classifier's business; remembered here so that it counts once
        Kind.GENRE_CORRECTION: ("genre", 0, 0.0),
        Kind.HISTORY: ("history", 0, 1.0),
    }
)

# Where a candidate stands decides whether it was read: Craswell et al. 2008, position-based model.
EXAMINATION = (1.0, 0.75, 0.6, 0.5, 0.43, 0.38, 0.34, 0.31)


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """One reaction, ready to be learned; `time` in seconds.

    `candidate` None speaks about every candidate of the decision.
    """

    id: int
    decision: int
    candidate: int | None
    kind: Kind
    time: int
    weight: float
    target: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """The candidate that the user reacted to.

    What is known of it: where it stood, how many words it has, the score that was predicted for it,
    and its text where an edit must be compared.
    """

    position: int = 0
    words: int = 40
    predicted: float = 0.5
    text: str = ""


def digest(identity: str) -> int:
    """An id of any length as 64 bits."""
    return int.from_bytes(blake2b(identity.encode(), digest_size=8).digest(), "little")


def observe(kind: Kind, value: float | str | None, scene: Scene) -> tuple[float, float]:
    """(weight >= 0, target in [0, 1]) of one reaction; weight 0 says nothing.

    Raises Rejected `invalid_value`.
    """
    weight = RULES[kind][2]
    match kind:
        case Kind.RATING:
            return weight, (_number(kind, value, 1, 5) - 1) / 4
        case Kind.HISTORY:
            return weight, _number(kind, value, 0, 1)
        case Kind.DISLIKE:
            return weight, 0.0
        case Kind.ACCEPT | Kind.COPY:
            return weight, 0.9
        case Kind.EDIT:
            return weight, max(0.1, 1 - edit_distance(scene.text, _text(kind, value)) / 0.6)
        case Kind.DWELL:
            return _dwell(weight, _number(kind, value, 0, float("inf")), scene.words)
        case Kind.SHOWN:
            # the learner weighs it by `passed_over` at every candidate's position
            return weight, 0.0
        case Kind.REGENERATE:
            return weight, 0.15
        case Kind.CHOOSE:
            # of the difference to the others, which has no bias: half a like above their mean
            return weight, 0.5
        case _:
            return weight, 1.0


def _dwell(weight: float, seconds: float, words: int) -> tuple[float, float]:
    """Log-normal around four words a second.

    Under a second or over ten times that, nobody was reading.
    """
    expected = max(1, words) / 4
    if not 1 <= seconds <= 10 * max(expected, 1):
        return 0.0, 0.0
    return weight, (1 + erf(log(seconds / expected) / (0.8 * sqrt(2)))) / 2


def passed_over(position: int, predicted: float) -> float:
    """Probability that it was examined, given no click: theta (1 - r) / (1 - theta r)."""
    theta, r = examination(position), min(max(predicted, 0.0), 0.99)
    return theta * (1 - r) / (1 - theta * r)


def examination(position: int) -> float:
    """Probability in (0, 1] that the candidate at `position` (0 is the top) was read."""
    return EXAMINATION[min(position, len(EXAMINATION) - 1)]


def edit_distance(before: str, after: str, longest: int = 200) -> float:
    """Token Levenshtein distance over the longer length, in [0, 1].

    Only the first `longest` tokens count.

    >>> edit_distance("a small red fox", "a small fox")
    0.25
    """
    old, new = before.split()[:longest], after.split()[:longest]
    row = list(range(len(new) + 1))
    for i, token in enumerate(old, 1):
        diagonal, row[0] = row[0], i
        for j, other in enumerate(new, 1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (token != other))
    return row[-1] / max(len(old), len(new), 1)


def _number(kind: Kind, value: float | str | None, low: float, high: float) -> float:
    if (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and isfinite(value)
        and low <= value <= high
    ):
        return float(value)
    raise Rejected(
        "invalid_value",
        f"{kind.name.lower()} needs a number from {low:g} to {high:g}, got {value!r:.40}",
    )


def _text(kind: Kind, value: float | str | None) -> str:
    if isinstance(value, str):
        return value
    raise Rejected(
        "invalid_value", f"{kind.name.lower()} needs the new text as its value, got {value!r:.40}"
    )
