"""Which arms write a request's candidates: plausible genres x adapter versions x styles.

Thompson sampling: candidate j takes the arm that is best under the j-th draw of the user's weights,
so the candidates differ as far as the taste is unknown. Everything follows from the seed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from genre_models.preferences.features import Arm, arm_features
from genre_models.preferences.moments import Floats
from genre_models.preferences.posterior import Posterior
from genre_models.preferences.profile import arm_tastes, attribute_tastes, genre_taste
from genre_models.preferences.styles import PLAIN, STYLES
from genre_models.taxonomy import Genre
from genre_models.taxonomy.codes import SALT
from schemas.errors import Rejected

# In every simulation, full posterior draws (alpha = 1) lost to greedy at 20 to 50 reactions a user,
# and 0.2 won.
ALPHA = 0.2
DRAWS = 512
FLOOR = 0.005

PLAUSIBLE = 0.05
PLAUSIBLE_SHARE = 0.15  # of the most probable genre's probability
MOST_GENRES = 5

Classified = Sequence[tuple[str, float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is wanted of a request.

    Either probable genres, most probable first, or the genre (or adapter name) and style it asks
    for. `fallback` is 'family' or 'base' when no genre is known with confidence, `family` the
    most probable one. `suggests` when nothing is asked for: then every genre may be what is wanted.
    """

    classified: Classified
    fallback: str = "none"
    family: str | None = None
    genre: str | None = None
    style: str | None = None
    context: Mapping[str, str] | None = None
    suggests: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedArm:
    """One candidate to write.

    `propensity` in (0, 1] is how probably a draw chooses this arm; of a suggestion, after the arms
    before it.
    """

    arm: Arm
    propensity: float
    reason: str


def plan_arms(
    wish: Wish,
    genres: Mapping[str, Genre],
    adapters: Mapping[str, Sequence[str]],
    posterior: Posterior,
    n: int,
    seed: int,
    *,
    explore: bool = True,
) -> tuple[PlannedArm, ...]:
    """`n` arms, one for each candidate.

    `genres` are all that are known, by id, `adapters` the names of their adapters; without
    `explore` (kill switch, opt-out) it is the best arm always. Raises Rejected
    `unknown_genre`, `unknown_adapter`, `unknown_style`.

    A suggestion takes each genre once, and one that the user clearly likes for up to half of its
    arms: a stranger's is varied, and nobody's is all of one kind.
    """
    arms = possible_arms(wish, genres, adapters)
    phi = np.stack([arm_features(arm, wish.context) for arm in arms]).astype(np.float64)
    count, alpha = (DRAWS, ALPHA) if explore else (n, 0.0)
    draws = posterior.draws(phi, count, alpha, np.random.default_rng(seed))
    if wish.suggests and wish.genre is None:
        return _varied(draws, arms, posterior, n)
    best = draws.argmax(axis=1)
    shares = np.bincount(best, minlength=len(arms)) / count
    reasons = {k: _reason(arms[k], posterior) for k in set(best[:n].tolist())}
    planned = tuple(
        PlannedArm(arm=arms[k], propensity=max(FLOOR, float(shares[k])), reason=reasons[k])
        for k in best[:n].tolist()
    )
    if n >= 3 and wish.genre is None:
        return _with_blend(planned, arms, shares, posterior)
    return planned


def _varied(
    draws: Floats, arms: Sequence[Arm], posterior: Posterior, n: int
) -> tuple[PlannedArm, ...]:
    """The best arm under the j-th of `draws` [count, arms], of genres that are not used up."""
    genres, taken = np.array([arm.genre for arm in arms]), Counter[str | None]()
    left = np.ones(len(arms), bool)
    planned: list[PlannedArm] = []
    for j in range(n):
        best = np.where(left, draws, -np.inf).argmax(axis=1)
        arm, share = arms[best[j]], float(np.mean(best == best[j]))
        clear = [taste for taste in arm_tastes(posterior, arm) if taste.is_clear]
        reason = "; ".join([f"suggested: {(arm.genre or '').replace('_', ' ')}", *map(str, clear)])
        planned.append(PlannedArm(arm=arm, propensity=max(FLOOR, share), reason=reason))
        taken[arm.genre] += 1
        is_liked = any(taste.kind == "genre" and taste.mean > 0 for taste in clear)
        if taken[arm.genre] >= ((n + 1) // 2 if is_liked else 1):
            left &= genres != arm.genre
        if not left.any():  # fewer genres than candidates
            left[:] = True
    return tuple(planned)


def possible_arms(
    wish: Wish, genres: Mapping[str, Genre], adapters: Mapping[str, Sequence[str]]
) -> tuple[Arm, ...]:
    """Every arm that may answer the wish, in an order that depends on nothing else."""
    if wish.style is not None and wish.style not in STYLES:
        raise Rejected("unknown_style", f"the styles are {', '.join(STYLES)}, got {wish.style!r}")
    styles = tuple(STYLES) if wish.style is None else (wish.style,)
    return tuple(
        replace(arm, style=None if style == PLAIN else style)
        for arm in _unstyled(wish, genres, adapters)
        for style in styles
    )


def _unstyled(
    wish: Wish, genres: Mapping[str, Genre], adapters: Mapping[str, Sequence[str]]
) -> Iterable[Arm]:
    if wish.genre is not None:
        yield from _requested(wish.genre, genres, adapters)
        return
    if wish.suggests:
        for genre in sorted(genres):
            yield from _of_genre(genres[genre], 1.0, adapters.get(genre, ()))
        return
    known = [
        (genre, probability) for genre, probability in plausible(wish.classified) if genre in genres
    ]
    if wish.fallback != "none" or not known:
        rest = 1 - sum(probability for _, probability in known)
        yield Arm(
            genre=None,
            family=wish.family if wish.fallback == "family" else None,
            probability=max(0.3, rest),
        )
    for genre, probability in known:
        yield from _of_genre(genres[genre], probability, adapters.get(genre, ()))


def _requested(
    wanted: str, genres: Mapping[str, Genre], adapters: Mapping[str, Sequence[str]]
) -> Iterable[Arm]:
    genre, _, version = wanted.partition("@")
    if genre not in genres:
        raise Rejected(
            "unknown_genre",
            f"the genre {genre!r} is not known; send texts for it to the training topic",
        )
    if version and wanted not in adapters.get(genre, ()):
        raise Rejected(
            "unknown_adapter",
            f"{genre!r} has no adapter {wanted!r}; it may have been withdrawn, or be of another "
            "base model",
        )
    yield from _of_genre(genres[genre], 1.0, (wanted,) if version else adapters.get(genre, ()))


def _of_genre(genre: Genre, probability: float, adapters: Sequence[str]) -> Iterable[Arm]:
    for adapter in sorted(adapters) or (None,):
        yield Arm(
            genre=genre.id,
            family=genre.family,
            adapter=adapter,
            probability=probability,
            salts={genre.id: genre.salt} if genre.salt != SALT else {},
        )


def plausible(classified: Classified) -> Classified:
    """The genres worth an arm: not much less probable than the most probable one.

    >>> plausible([("joke", 0.5), ("riddle", 0.3), ("sms", 0.06), ("legal", 0.01)])
    [('joke', 0.5), ('riddle', 0.3)]
    """
    ordered = sorted(classified, key=lambda pair: (-pair[1], pair[0]))
    least = max(
        PLAUSIBLE, PLAUSIBLE_SHARE * max((probability for _, probability in ordered), default=0.0)
    )
    return [pair for pair in ordered if pair[1] >= least][:MOST_GENRES]


def _with_blend(
    planned: tuple[PlannedArm, ...], arms: Sequence[Arm], shares: Floats, posterior: Posterior
) -> tuple[PlannedArm, ...]:
    """The last candidate mixes two genres of one family that the user likes about equally."""
    by_genre: dict[str, float] = {}
    for arm, share in zip(arms, shares, strict=True):
        if arm.genre is not None and arm.adapter is not None:
            by_genre[arm.genre] = by_genre.get(arm.genre, 0.0) + float(share)
    ordered = sorted(by_genre, key=lambda genre: -by_genre[genre])[:2]
    if (
        len(ordered) < 2
        or sum(by_genre[genre] for genre in ordered) < 0.6
        or by_genre[ordered[1]] < 0.4 * sum(by_genre.values())
    ):
        return planned
    first, second = (
        next(arm for arm in arms if arm.genre == genre and arm.adapter) for genre in ordered
    )
    tastes = [
        genre_taste(posterior, genre, arm.family, arm.salt(genre))
        for genre, arm in zip(ordered, (first, second), strict=True)
    ]
    both_liked = all(taste.is_clear and taste.mean > 0 for taste in tastes)
    if first.family != second.family or not both_liked:
        return planned
    blend = ((first.adapter or "", 0.5), (second.adapter or "", 0.5))
    reason = f"half {first.genre}, half {second.genre}: " + ", ".join(map(str, tastes))
    mixed = replace(
        first,
        adapter=None,
        blend=blend,
        probability=(first.probability + second.probability) / 2,
        salts={**first.salts, **second.salts},
    )
    return (*planned[:-1], PlannedArm(arm=mixed, propensity=1.0, reason=reason))


def _reason(arm: Arm, posterior: Posterior) -> str:
    parts = [
        f"{arm.genre.replace('_', ' ')}: {arm.probability:.0%} likely"
        if arm.genre
        else "no genre is certain"
    ]
    if arm.style:
        parts.append(f"{arm.style} style")
    tastes = arm_tastes(posterior, arm)
    return "; ".join([*parts, *(str(taste) for taste in tastes if taste.is_clear)])


def prompt_card(posterior: Posterior, most: int = 3) -> tuple[str, ...]:
    """Instructions for the writer from what the user clearly likes of a text: at most one line.

    Genres are steered by arms, so only attributes are spoken of, and only beyond 1.5 deviations.
    """
    liked = sorted(attribute_tastes(posterior), key=lambda taste: -taste.mean)
    sure = [
        taste.words
        for taste in liked
        if taste.is_clear and taste.mean > max(0.03, 1.5 * taste.deviation)
    ]
    return (f"The reader likes {', '.join(sure[:most])}.",) if sure else ()
