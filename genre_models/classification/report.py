"""What was asked for and how well it was understood, from requests and what users said of them.

Holds numbers and names of genres only: nothing of what a user wrote.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import combinations
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from genre_models.encoder import dequantise
from genre_models.taxonomy import Genre, Taxonomy
from schemas.classified import ClassifiedRequest
from schemas.corrections import Correction
from schemas.feedback import Feedback
from schemas.keys import key_of

UNKNOWN = "(unknown)"
"""Stands where a genre is not known; no genre's id has a bracket."""

_LEAST = 40  # requests; of fewer, halves say nothing of what is asked
_MOST = 10_000  # requests that drift is computed from, evenly spaced in time
_SHUFFLES = 999
_DOUBT = 0.01  # what is less probable than this by chance is told as drift
_SILENT = ("shown", "retract", "history")  # kinds of feedback that say nothing of a request
_HOUR, _DAY, _WEEK = timedelta(hours=1), timedelta(days=1), timedelta(weeks=1)

Place = tuple[str, str]
"""User key and request id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What counts of a classified request: its words are dropped."""

    place: Place
    received: datetime
    genre: str | None
    """That it was written in; None where no genre was sure enough."""
    probability: float
    is_judged: bool
    """Whether the classifier decided: nobody named the genre, and nothing stopped it before."""
    fallback: Literal["none", "family", "base"]
    family: str | None
    language: str | None
    declined: str | None
    flagged: str | None
    failed: str | None
    embedding: bytes | None

    @classmethod
    def of(cls, event: ClassifiedRequest) -> Asked:
        """What counts of this event."""
        verdict, failure = event.verdict, event.failure
        stopped = failure is not None or not verdict.allowed
        top = event.genres[0] if event.genres and event.fallback == "none" else None
        return cls(
            place=(key_of(event), event.request_id),
            received=event.received,
            genre=top.genre if top and not stopped else None,
            probability=top.probability if top else 0.0,
            is_judged=not stopped and event.request.genre is None and event.topics is None,
            fallback=event.fallback,
            family=event.family,
            language=event.language,
            declined=None if verdict.allowed else verdict.code or "declined",
            flagged=verdict.code if verdict.allowed else None,
            failed=failure.code if failure else None,
            embedding=None if stopped else event.embedding,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Confused:
    """How many corrections stand from one genre (`UNKNOWN`: from none) to another."""

    classified: str
    corrected: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """Of requests that got a reaction from `start` on: how sure it was, and how often right.

    `probability` is the mean of the genres acted upon, `uncorrected` the share that nobody
    corrected to another; both 0..1, and equal where the classifier is calibrated.
    """

    start: datetime
    reacted: int
    probability: float
    uncorrected: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift:
    """How far two halves are apart; `chance` is what 99 of 100 random halves stay below.

    `p` is the probability of such a distance by chance, at least .001; drift is told below .01.
    """

    distance: float
    chance: float
    p: float
    is_drift: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """The newer half of the requests against the older one.

    `genres` by Jensen-Shannon distance (0: same shares, 1: nothing in common), `meaning` by one
    minus the cosine of the mean embeddings (0..2). Requests are taken as independent: a few users
    who ask much can look like drift. `moved` are shares, older and newer, that changed the most.
    """

    boundary: datetime
    requests: int
    genres: Shift
    meaning: Shift
    moved: Mapping[str, tuple[float, float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What was asked and how it was understood; counts by name, the most first.

    `judged` is of how many the classifier decided: `family_only` and `unknown` are among them.
    """

    requests: int
    users: int
    first: datetime | None
    last: datetime | None
    judged: int
    family_only: int
    unknown: int
    genres: Mapping[str, int]
    languages: Mapping[str, int]
    declined: Mapping[str, int]
    flagged: Mapping[str, int]
    failed: Mapping[str, int]
    confusion: Sequence[Confused]
    calibration: Sequence[Calibration]
    drift: Drift | None
    """None where there are fewer than 40 requests to compare."""


def report(
    asked: Iterable[Asked], feedback: Iterable[Feedback], corrections: Iterable[Correction]
) -> Report:
    """The report on requests, of which a repeated one counts once.

    `feedback` has ids where it may be retracted; `corrections` are those that stand.
    """
    newest = {each.place: each for each in asked}
    found = sorted(newest.values(), key=lambda each: each.received)
    judged = [each for each in found if each.is_judged]
    fallbacks = Counter(each.fallback for each in judged)
    return Report(
        requests=len(found),
        users=len({each.place[0] for each in found}),
        first=found[0].received if found else None,
        last=found[-1].received if found else None,
        judged=len(judged),
        family_only=fallbacks["family"],
        unknown=fallbacks["base"],
        genres=_counted(each.genre for each in found),
        languages=_counted(each.language for each in found),
        declined=_counted(each.declined for each in found),
        flagged=_counted(each.flagged for each in found),
        failed=_counted(each.failed for each in found),
        confusion=_confusion(corrections),
        calibration=_calibration(judged, _said(feedback)),
        drift=_drift([each for each in found if each.embedding is not None]),
    )


def alike(taxonomy: Taxonomy) -> list[tuple[str, str]]:
    """Pairs of genres that nothing tells apart: the same description, requests and texts."""
    by_content = defaultdict(list)
    for genre in taxonomy.genres.values():
        by_content[_content(genre)].append(genre.id)
    return [pair for same in by_content.values() for pair in combinations(sorted(same), 2)]


def _content(genre: Genre) -> tuple[str, frozenset[str]]:
    texts = frozenset(map(_folded, (*genre.requests, *genre.texts)))
    return _folded(genre.description), texts - {_folded(genre.description)}


def _folded(text: str) -> str:
    return " ".join(text.casefold().split()).rstrip(".!?")


def _counted(names: Iterable[str | None]) -> dict[str, int]:
    return dict(Counter(name for name in names if name is not None).most_common())


def _confusion(corrections: Iterable[Correction]) -> list[Confused]:
    pairs = Counter((each.instead_of or UNKNOWN, each.genre) for each in corrections)
    return [
        Confused(classified=wrong, corrected=right, count=count)
        for (wrong, right), count in pairs.most_common()
    ]


def _said(feedback: Iterable[Feedback]) -> dict[Place, str | None]:
    """Every request that got a reaction which stands, and the genre it was last corrected to."""
    every = list(feedback)
    retracted = {(key_of(each), each.retracts) for each in every if each.kind == "retract"}
    said: dict[Place, str | None] = {}
    for each in every:
        user = key_of(each)
        if each.kind in _SILENT or each.request_id is None:
            continue
        if each.feedback_id is None or (user, each.feedback_id) not in retracted:
            place = user, each.request_id
            is_correction = each.kind == "genre_correction"
            said[place] = each.genre if is_correction else said.get(place)
    return said


def _calibration(judged: Sequence[Asked], said: Mapping[Place, str | None]) -> list[Calibration]:
    """By hours, days or weeks, whichever gives a readable number of lines."""
    told = [each for each in judged if each.genre is not None and each.place in said]
    if not told:
        return []
    span = told[-1].received - told[0].received
    step = _HOUR if span <= 1.5 * _DAY else _DAY if span <= 3 * _WEEK else _WEEK
    epoch = datetime(1970, 1, 5, tzinfo=UTC)  # a Monday
    periods: dict[int, list[Asked]] = defaultdict(list)
    for each in told:
        periods[(each.received - epoch) // step].append(each)
    return [
        Calibration(
            start=epoch + number * step,
            reacted=len(those),
            probability=float(np.mean([each.probability for each in those])),
            uncorrected=float(np.mean([said[each.place] in (None, each.genre) for each in those])),
        )
        for number, those in sorted(periods.items())
    ]


def _drift(found: Sequence[Asked]) -> Drift | None:
    """Of requests in the order in which they came."""
    if len(found) < _LEAST:
        return None
    rows = np.linspace(0, len(found) - 1, min(len(found), _MOST)).astype(int)
    chosen = [found[row] for row in rows]
    labels, numbers = np.unique([_label(each) for each in chosen], return_inverse=True)
    kinds = np.eye(len(labels), dtype=np.float32)[numbers]
    vectors = np.stack([dequantise(each.embedding or b"") for each in chosen])
    middle = len(chosen) // 2
    is_new = (np.arange(len(chosen)) >= middle).astype(np.float32)
    # The first row is how it was; under chance, all rows are as likely.
    halves = np.tile(is_new, (1 + _SHUFFLES, 1))
    halves[1:] = np.random.default_rng(0).permuted(halves[1:], axis=1)
    older, newer = _means(kinds, 1 - halves), _means(kinds, halves)
    order = np.argsort(-np.abs(newer[0] - older[0]), kind="stable")[:5]
    return Drift(
        boundary=chosen[middle].received,
        requests=len(found),
        genres=_shift(_shannon(older, newer)),
        meaning=_shift(_angle(_means(vectors, 1 - halves), _means(vectors, halves))),
        moved={str(labels[at]): (float(older[0, at]), float(newer[0, at])) for at in order},
    )


def _label(asked: Asked) -> str:
    return asked.genre or (f"({asked.family})" if asked.fallback == "family" else UNKNOWN)


def _means(rows: NDArray[np.float32], chosen: NDArray[np.float32]) -> NDArray[np.float32]:
    means: NDArray[np.float32] = chosen @ rows / chosen.sum(axis=1, keepdims=True)
    return means


def _shannon(left: NDArray[np.float32], right: NDArray[np.float32]) -> NDArray[np.float64]:
    from scipy.spatial.distance import jensenshannon

    # Rounding can leave less than nothing under the root of equal shares.
    with np.errstate(invalid="ignore"):
        return np.nan_to_num(jensenshannon(left, right, base=2, axis=1))


def _angle(left: NDArray[np.float32], right: NDArray[np.float32]) -> NDArray[np.float64]:
    norms = np.linalg.norm(left, axis=1) * np.linalg.norm(right, axis=1)
    cosine: NDArray[np.float64] = (left * right).sum(axis=1) / np.maximum(norms, 1e-9)
    return np.clip(1.0 - cosine, 0.0, 2.0)


def _shift(distances: NDArray[np.float64]) -> Shift:
    """The first distance among those by chance; rounded, as equal ones differ in their last bit."""
    distances = distances.round(6)
    p = float((distances >= distances[0]).mean())
    chance = float(np.quantile(distances[1:], 0.99))
    return Shift(distance=float(distances[0]), chance=chance, p=p, is_drift=p < _DOUBT)
