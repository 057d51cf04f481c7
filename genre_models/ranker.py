"""In which order a user sees candidates: taste plus quality, with just enough chance to learn.

90 % of decisions put the winner of one draw of the user's taste on top (Thompson), 10 % draw the
top by inverse gap weighting (Abe and Long 1999; SquareCB, Foster and Rakhlin 2020), whose
propensities are exact; the rest follow by mean. In 5 % one neighbouring pair is swapped, which
tells how much positions matter. Everything follows from the seed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from genre_models.preferences.features import Arm, Features, candidate_features
from genre_models.preferences.moments import Floats
from genre_models.preferences.posterior import Posterior
from genre_models.preferences.profile import arm_tastes
from genre_models.text_quality import NEAR_DUPLICATE, quality, shingles, similarity

# A quarter of the planner's: an arm comes again and repays what was risked on it; a text does not.
ALPHA = 0.05
DRAWS = 512
FLOOR = 0.005
IGW_SHARE = 0.1
IGW_GAMMA = 50.0
SWAP_SHARE = 0.05
QUALITY_WEIGHT = 0.3

Policy = Literal["thompson", "igw", "greedy"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One text to rank.

    `is_safe` is the gate's verdict; `model_score` the mean log-probability of its tokens (<= 0);
    `text_probability` in [0, 1] how surely it reads as its genre; `judged` in [0, 1] how probably
    it is a good answer to its request; `is_cut` when it breaks off.
    """

    index: int
    arm: Arm
    text: str
    projection: Sequence[float] | None = None
    text_probability: float | None = None
    model_score: float | None = None
    judged: float | None = None
    is_cut: bool = False
    is_safe: bool = True


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ranked:
    """A candidate at its place.

    `score` orders (taste plus quality), `predicted` is the expected liking alone (what feedback is
    later compared with), `propensity` in [0, 1] the probability that this policy puts it on top.
    """

    index: int
    score: float
    predicted: float
    deviation: float
    propensity: float
    features: Features
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranking:
    """`ranked` from the top, and why each other index was `dropped`.

    The reasons are 'unsafe', 'empty' and 'near_duplicate'.
    """

    ranked: tuple[Ranked, ...]
    dropped: Mapping[int, str]
    policy: Policy


def rank_candidates(
    candidates: Sequence[Candidate],
    posterior: Posterior,
    seed: int,
    explore: bool = True,
    evaluated: float = IGW_SHARE,
    context: Mapping[str, str] | None = None,
) -> Ranking:
    """Rank what is safe and not a repetition: what breaks off stands behind all that is whole.

    Policy and chance decide among the whole texts, or among the others where there is none: what
    breaks off beside a whole text has no chance to be on top.

    `explore` False (kill switch, opt-out) is greedy and certain; the share `evaluated` in [0, 1] of
    the decisions is drawn by inverse gap weighting.
    """
    random = np.random.default_rng(seed)
    policy = choose_policy(explore, random, evaluated)
    kept, dropped = _eligible(candidates)
    if not kept:
        return Ranking(ranked=(), dropped=dropped, policy=policy)
    features = np.stack([_features(candidate, context) for candidate in kept])
    qualities = np.array([_quality(candidate) for candidate in kept])
    scores = features @ posterior.mean + QUALITY_WEIGHT * qualities
    unique = _unique(kept, scores, dropped)
    kept = [kept[k] for k in unique]
    features, qualities, scores = features[unique], qualities[unique], scores[unique]
    is_cut = np.array([candidate.is_cut for candidate in kept])
    first = np.flatnonzero(is_cut == is_cut.min())
    order, chances = ordered(
        policy, features[first], scores[first], qualities[first], posterior, random, evaluated
    )
    propensities = np.zeros(len(kept))
    propensities[first] = chances
    last = [k for k in np.argsort(-scores, kind="stable").tolist() if k not in first]
    ranked = tuple(
        _ranked(
            kept[k],
            float(scores[k]),
            float(qualities[k]),
            float(propensities[k]),
            features[k],
            posterior,
        )
        for k in [*first[order].tolist(), *last]
    )
    return Ranking(ranked=ranked, dropped=dropped, policy=policy)


def choose_policy(
    explore: bool, random: np.random.Generator, evaluated: float = IGW_SHARE
) -> Policy:
    """Which policy decides: 'igw' for the share `evaluated` of the decisions.

    Without `explore` always 'greedy'.
    """
    slice_of_decisions = random.random()
    if not explore:
        return "greedy"
    return "igw" if slice_of_decisions < evaluated else "thompson"


def _eligible(candidates: Sequence[Candidate]) -> tuple[list[Candidate], dict[int, str]]:
    dropped = {
        one.index: "unsafe" if not one.is_safe else "empty"
        for one in candidates
        if not (one.is_safe and one.text.strip())
    }
    return [one for one in candidates if one.index not in dropped], dropped


def _unique(kept: Sequence[Candidate], scores: Floats, dropped: dict[int, str]) -> list[int]:
    """Positions of those that repeat no better one, in their old order; a whole one is better."""
    chosen: list[int] = []
    grams = [shingles(one.text) for one in kept]
    for k in sorted(range(len(kept)), key=lambda k: (kept[k].is_cut, -scores[k])):
        if any(similarity(grams[k], grams[other]) >= NEAR_DUPLICATE for other in chosen):
            dropped[kept[k].index] = "near_duplicate"
        else:
            chosen.append(k)
    return sorted(chosen)


def ordered(
    policy: Policy,
    features: Floats,
    scores: Floats,
    qualities: Floats,
    posterior: Posterior,
    random: np.random.Generator,
    evaluated: float = IGW_SHARE,
) -> tuple[list[int], Floats]:
    """The order, and each candidate's probability to be on top, whichever policy decides.

    It is that of both policies together (balanced weights, Agarwal et al. 2017): Thompson alone
    hardly ever shows what it thinks bad, and how rarely cannot be counted from `DRAWS` draws; the
    slice by inverse gap weighting gives everything a known share.
    """
    by_mean: list[int] = np.argsort(-scores, kind="stable").tolist()
    if policy == "greedy":
        return by_mean, np.eye(len(scores))[by_mean[0]]
    by_gap = inverse_gap_weights(scores)
    draws = posterior.draws(features, DRAWS, ALPHA, random) + QUALITY_WEIGHT * qualities
    top = int(draws[0].argmax() if policy == "thompson" else random.choice(len(scores), p=by_gap))
    by_draw = np.bincount(draws.argmax(axis=1), minlength=len(scores)) / DRAWS
    least = 0.0 if evaluated else FLOOR
    propensities = np.maximum(least, evaluated * by_gap + (1 - evaluated) * by_draw)
    propensities /= propensities.sum()
    order = [top, *(k for k in by_mean if k != top)]
    return _swapped(order, random), _after_swaps(propensities, by_mean)


def inverse_gap_weights(scores: Floats) -> Floats:
    """p_k = 1 / (K + gamma (s* - s_k)), the best takes the rest; sums to 1."""
    weights: Floats = 1 / (len(scores) + IGW_GAMMA * (scores.max() - scores))
    best = int(scores.argmax())
    weights[best] = 0.0
    weights[best] = 1 - weights.sum()
    return weights


def _swapped(order: list[int], random: np.random.Generator) -> list[int]:
    if len(order) > 1 and random.random() < SWAP_SHARE:
        k = int(random.integers(len(order) - 1))
        order[k], order[k + 1] = order[k + 1], order[k]
    return order


def _after_swaps(propensities: Floats, by_mean: Sequence[int]) -> Floats:
    """The top is second-best by mean of the rest where the first pair is swapped."""
    if len(propensities) == 1:
        return propensities
    first, second = by_mean[:2]
    is_second = np.zeros(len(propensities))
    is_second[first], is_second[second] = 1 - propensities[first], propensities[first]
    swapped = SWAP_SHARE / (len(propensities) - 1)
    return (1 - swapped) * propensities + swapped * is_second


def _features(candidate: Candidate, context: Mapping[str, str] | None) -> Floats:
    return candidate_features(
        candidate.arm,
        candidate.text,
        candidate.projection,
        candidate.text_probability,
        candidate.model_score,
        context,
        candidate.judged,
    ).astype(np.float64)


def _quality(candidate: Candidate) -> float:
    return quality(
        candidate.text,
        candidate.model_score,
        candidate.text_probability,
        candidate.is_cut,
        candidate.judged,
    )


def _ranked(
    candidate: Candidate,
    score: float,
    quality: float,
    propensity: float,
    features: Floats,
    posterior: Posterior,
) -> Ranked:
    predicted, deviation = float(features @ posterior.mean), posterior.deviation(features)
    return Ranked(
        index=candidate.index,
        score=score,
        predicted=predicted,
        deviation=deviation,
        propensity=propensity,
        features=features.astype(np.float32),
        why=_why(candidate, predicted, deviation, quality, posterior),
    )


def _why(
    candidate: Candidate, predicted: float, deviation: float, quality: float, posterior: Posterior
) -> str:
    arm = candidate.arm
    tastes = arm_tastes(posterior, arm)
    known = [str(taste) for taste in tastes if taste.is_clear] or ["no clear preference yet"]
    reads = ""
    if candidate.text_probability is not None:
        reads = f", reads as {arm.genre or 'asked'} {candidate.text_probability:.0%}"
    expected = min(max(predicted, 0.0), 1.0)  # a linear model may expect more than everything
    return (
        f"expected liking {expected:.2f} ± {deviation:.2f}: "
        f"{'; '.join(known)}; quality {quality:.2f}{reads}"
        f"{', breaks off' if candidate.is_cut else ''}"
    )
