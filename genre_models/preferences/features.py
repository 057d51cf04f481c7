"""What the preference model sees of an arm and of a text: always the same `DIMENSION` numbers.

They are one recipe with a version. Genres, adapters and context tags enter by hashing, so those
that appear at run time need no new column; a salt keeps a genre's code apart from others
(`genre_models.taxonomy.codes`). An arm before its text exists and the text itself share all
columns: what is learned from texts steers the next choice of arms.

block        size  what
bias            1  1
family          5  unit code of the family
genre          18  unit code of the genre, leaning towards its description where there is one
adapter         1  +1 or -1 by version, so that two of one genre compete; 0 for the base model
styled          1  1 when a style other than `plain` was asked for
attributes      8  half what the style intends, half what the text shows (`text_attributes`)
embedding       8  direction of the projected embedding of the text; 0 before there is one
fit             3  log-odds of the genre for the request and of the text for its genre; model score
context         3  unit codes of (tag, family) and (tag, style): a tag alone is equal for all
judged          1  log-odds that the text is a good answer to its request; 0 where it was not judged

Recipe 1 had no `judged`: what it wrote is read as if that had been 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from math import log, sqrt, tanh
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from genre_models.preferences.styles import PLAIN, STYLES
from genre_models.preferences.text_attributes import ATTRIBUTES, text_attributes
from genre_models.taxonomy import codes
from schemas.errors import Rejected

FEATURES_VERSION = 2
DIMENSIONS = {1: 48, 2: 49}
"""How many numbers each recipe has; a later one goes on where an earlier one ends."""
PROJECTION = 8

_SIZES = {
    "bias": 1,
    "family": 5,
    "genre": codes.SIZE,
    "adapter": 1,
    "styled": 1,
    "attributes": len(ATTRIBUTES),
    "embedding": PROJECTION,
    "fit": 3,
    "context": 3,
    "judged": 1,
}


def _blocks() -> dict[str, slice]:
    blocks, start = {}, 0
    for name, size in _SIZES.items():
        blocks[name] = slice(start, start + size)
        start += size
    return blocks


# Of 40,000 salts the one under which the families stay apart best (largest cosine 0.70, usual
# 0.93); other names hash as well as any.
_SALTS = {"family": 51868}
_CODES = (
    1  # their version: what is learned is about them, so it outlives a recipe that adds columns
)

BLOCKS: Mapping[str, slice] = MappingProxyType(_blocks())
DIMENSION = sum(_SIZES.values())

Features = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """One way to write an answer.

    `genre` and `family` are None where only the family, or not even that, is known; `adapter` is
    None for the base model, `style` None for plain; `probability` in [0, 1] is the classifier's for
    the genre; `description`, where known, is a projection of the embedding of the genre's
    description (any length). A `blend` names adapters with weights that sum to 1; it lies between
    their genres. `salts` are those of its genres that are not `codes.SALT`.
    """

    genre: str | None
    family: str | None
    adapter: str | None = None
    style: str | None = None
    probability: float = 1.0
    description: tuple[float, ...] | None = None
    blend: tuple[tuple[str, float], ...] = ()
    salts: Mapping[str, int] = field(default_factory=dict, hash=False)

    def salt(self, genre: str) -> int:
        """The salt of one of its genres."""
        return self.salts.get(genre, codes.SALT)


def arm_features(arm: Arm, context: Mapping[str, str] | None = None) -> Features:
    """float32 [DIMENSION], each in [-1, 1]: the arm before its text exists."""
    phi = np.zeros(DIMENSION, np.float32)
    style = STYLES.get(arm.style or PLAIN, STYLES[PLAIN])
    phi[BLOCKS["bias"]] = 1.0
    if arm.family is not None:
        phi[BLOCKS["family"]] = code("family", arm.family, _SIZES["family"])
    phi[BLOCKS["genre"]] = _genres_of(arm)
    if arm.adapter is not None:
        phi[BLOCKS["adapter"]] = np.sign(code("adapter", arm.adapter, 1)[0])
    phi[BLOCKS["styled"]] = float(style.id != PLAIN)
    phi[BLOCKS["attributes"]] = [0.5 * style.intent.get(name, 0.0) for name in ATTRIBUTES]
    phi[BLOCKS["fit"]] = _log_odds(arm.probability), 0.0, 0.0
    phi[BLOCKS["context"]] = _context_code(arm.family or "", style.id, context or {})
    return phi


def candidate_features(
    arm: Arm,
    text: str,
    projection: Sequence[float] | None = None,
    text_probability: float | None = None,
    model_score: float | None = None,
    context: Mapping[str, str] | None = None,
    judged: float | None = None,
) -> Features:
    """float32 [DIMENSION], each in [-1, 1]: the arm with its text.

    `projection` holds `PROJECTION` floats (any scale), `text_probability` in [0, 1] says how surely
    the text reads as its genre, `model_score` is the mean log-probability of its tokens (<= 0),
    `judged` in [0, 1] says how probably the text is a good answer.
    What is unknown counts as ordinary.
    """
    phi = arm_features(arm, context)
    measured = text_attributes(text)
    phi[BLOCKS["attributes"]] += [0.5 * measured[name] for name in ATTRIBUTES]
    phi[BLOCKS["embedding"]] = _direction(projection)
    if text_probability is not None:
        phi[BLOCKS["fit"]][1] = _log_odds(text_probability)
    if model_score is not None:
        # -2.5: an ordinary text of a 135M model
        phi[BLOCKS["fit"]][2] = tanh((model_score + 2.5) / 1.5)
    if judged is not None:
        phi[BLOCKS["judged"]] = _log_odds(judged)
    return phi


def unpacked(features: bytes) -> Features:
    """float32 [DIMENSION] of little-endian float16, of this recipe or an earlier one.

    Raises ValueError for other lengths.
    """
    known = np.frombuffer(features, "<f2")
    if len(known) not in DIMENSIONS.values():
        raise ValueError(f"expected {DIMENSION} features, got {len(known)}")
    return np.pad(known.astype(np.float32), (0, DIMENSION - len(known)))


def described_features(arm: Arm, attributes: Mapping[str, float]) -> Features:
    """float32 [DIMENSION] of a text that is only described.

    `attributes` are some of `ATTRIBUTES`, each in [-1, 1] (clipped).

    Raises Rejected `unknown_feature`.
    """
    phi = arm_features(arm)
    for name, value in attributes.items():
        if name not in ATTRIBUTES:
            raise Rejected(
                "unknown_feature", f"a text is described by {', '.join(ATTRIBUTES)}, got {name!r}"
            )
        phi[BLOCKS["attributes"].start + ATTRIBUTES.index(name)] += 0.5 * min(max(value, -1.0), 1.0)
    return phi


def genre_code(
    genre: str, description: Sequence[float] | None = None, salt: int = codes.SALT
) -> Features:
    """float32 [18] of length 1; like descriptions lean the same way (cosine up to 0.3)."""
    own = _own_code(genre, salt)
    if not description:
        return own
    towards = np.asarray(description, np.float32) @ _mixing(len(description), _SIZES["genre"])
    return _unit(sqrt(0.7) * own + sqrt(0.3) * _unit(towards))


def _genres_of(arm: Arm) -> Features:
    if arm.blend:
        parts = ((name.partition("@")[0], weight) for name, weight in arm.blend)
        return sum(
            (weight * _own_code(genre, arm.salt(genre)) for genre, weight in parts), _no_genre()
        )
    if arm.genre is None:
        return _no_genre()
    return genre_code(arm.genre, arm.description, arm.salt(arm.genre))


def _no_genre() -> Features:
    return np.zeros(_SIZES["genre"], np.float32)


@lru_cache(maxsize=8192)
def code(kind: str, name: str, size: int) -> Features:
    """float32 [size] of length 1, read-only, a function of the names alone.

    Codes of different names are nearly orthogonal.
    """
    return _frozen(codes.hashed(f"{_CODES}/{_SALTS.get(kind, 0)}/{kind}/{name}", size))


@lru_cache(maxsize=8192)
def _own_code(genre: str, salt: int) -> Features:
    return _frozen(codes.direction(genre, salt))


def _frozen(direction: Sequence[float]) -> Features:
    unit = _unit(np.array(direction, np.float32))
    unit.setflags(write=False)
    return unit


@lru_cache(maxsize=8)
def _mixing(rows: int, size: int) -> Features:
    return np.stack([code("description", str(row), size) for row in range(rows)])


def _context_code(family: str, style: str, context: Mapping[str, str]) -> Features:
    total = np.zeros(_SIZES["context"], np.float32)
    for key, value in sorted(context.items()):
        for other in (family, style):
            total += code("context", f"{key}={value}/{other}", len(total))
    return total / max(1.0, float(np.linalg.norm(total)))


def _direction(projection: Sequence[float] | None) -> Features:
    if projection is None:
        return np.zeros(PROJECTION, np.float32)
    return _unit(np.asarray(projection, np.float32))


def _unit(vector: Features) -> Features:
    length = float(np.linalg.norm(vector))
    return vector / length if length > 0 else vector


def _log_odds(probability: float) -> float:
    """Squeezed to [-1, 1]: 0 at one half, 0.25 at 0.73, 0.5 at 0.9, 0.82 at 0.99."""
    bounded = min(max(probability, 1e-4), 1 - 1e-4)
    return tanh(log(bounded / (1 - bounded)) / 4)
