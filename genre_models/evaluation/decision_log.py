"""From the logged decisions and the reactions to them to what `off_policy` evaluates.

The reward of a decision is the weighted mean of what was said of the candidate on top, by the
learner's rules: in every slot the strongest signal counts, of equals the latest. A decision nobody
said anything of is left out, and so is what a user did before they were erased.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from genre_models.evaluation.off_policy import Logged
from genre_models.preferences.features import DIMENSIONS, unpacked
from genre_models.preferences.moments import Floats
from genre_models.preferences.signals import KINDS, RULES, Scene, observe
from schemas.decisions import DecidedCandidate, Decision
from schemas.errors import Rejected
from schemas.feedback import Feedback
from schemas.keys import user_key

# Of these the log alone knows enough; an edit or a dwell would need the text.
_TELLING = {"rating", "like", "dislike", "click", "accept", "copy", "regenerate"}

Place = tuple[str, str]
"""User key and request id."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Judged:
    """A decision with its reward, and the `policy` that made it."""

    policy: str
    logged: Logged


def judged(
    decisions: Iterable[Decision],
    feedback: Iterable[Feedback],
    erased: Mapping[str, float] | None = None,
) -> list[Judged]:
    """Every decision of a known feature recipe that was reacted to.

    One whose features are no vectors of its recipe is of none. `erased` tells when, in seconds,
    users were.
    """
    said = _by_decision(feedback)
    newest = {_place(decision): decision for decision in decisions}
    return [
        Judged(policy=decision.policy, logged=_logged(decision, place[0], vectors, reward))
        for place, decision in newest.items()
        if decision.features_version in DIMENSIONS
        and decision.time.timestamp() > (erased or {}).get(place[0], 0.0)
        and (reward := _reward(decision, said[place])) is not None
        and (vectors := _vectors(decision)) is not None
    ]


def by_user(
    log: Iterable[Judged], policies: Sequence[str], others: Sequence[str]
) -> dict[str, list[float]]:
    """Rewards of the users who were served by `policies` and never by `others`."""
    rewards: dict[str, list[float]] = defaultdict(list)
    foreign = set()
    for one in log:
        if one.policy in policies:
            rewards[one.logged.user].append(one.logged.reward)
        elif one.policy in others:
            foreign.add(one.logged.user)
    return {user: given for user, given in rewards.items() if user not in foreign}


def _by_decision(feedback: Iterable[Feedback]) -> dict[Place, list[Feedback]]:
    """The reactions in force; a repeated id counts once, a retracted one not at all."""
    newest: dict[tuple[str, str], Feedback] = {}
    retracted = set()
    for number, each in enumerate(feedback):
        key = user_key(each.user_id, each.tenant)
        if each.kind == "retract":
            retracted.add((key, each.retracts or ""))
        else:
            newest.setdefault((key, each.feedback_id or f"\0{number}"), each)
    said: dict[Place, list[Feedback]] = defaultdict(list)
    for (key, identity), each in newest.items():
        if (key, identity) not in retracted and each.request_id is not None:
            said[key, each.request_id].append(each)
    return said


def _reward(decision: Decision, reactions: Iterable[Feedback]) -> float | None:
    top = min(decision.candidates, key=lambda each: each.position, default=None)
    if top is None:
        return None
    in_force = _in_force(reactions, f"{decision.request_id}/{top.index}")
    found = [
        heard for each, about_top in in_force if (heard := _heard(each, about_top)) is not None
    ]
    if not found:
        return None
    weights, targets = zip(*found, strict=True)
    return float(np.average(targets, weights=weights))


def _in_force(reactions: Iterable[Feedback], top: str) -> list[tuple[Feedback, bool]]:
    """The reactions that speak of the candidate on top, one a slot, and whether they name it."""
    best: dict[str, tuple[tuple[int, float, int], Feedback, bool]] = {}
    for number, each in enumerate(reactions):
        about_top = each.candidate_id in (None, top)
        slot, rank, _ = RULES[KINDS[each.kind]]
        order = rank, each.time.timestamp() if each.time else 0.0, number
        if (about_top or each.kind == "choose") and (slot not in best or best[slot][0] < order):
            best[slot] = order, each, about_top
    return [(each, about_top) for _, each, about_top in best.values()]


def _heard(reaction: Feedback, about_top: bool) -> tuple[float, float] | None:
    """Weight and target of a reaction in force; None where the log alone does not know them."""
    if reaction.kind == "choose":
        return 0.5, float(about_top)
    if reaction.kind not in _TELLING:
        return None
    try:
        return observe(KINDS[reaction.kind], reaction.value, Scene())
    except Rejected:
        return None


def _in_order(decision: Decision) -> list[DecidedCandidate]:
    return sorted(decision.candidates, key=lambda each: each.position)


def _vectors(decision: Decision) -> Floats | None:
    """[candidates, DIMENSION], finite, as they were shown; None where they are not so."""
    packed = [each.features for each in _in_order(decision)]
    if any(len(each) != 2 * DIMENSIONS[decision.features_version] for each in packed):
        return None
    vectors = np.stack([unpacked(each) for each in packed]).astype(np.float64)
    return vectors if np.isfinite(vectors).all() else None


def _logged(decision: Decision, user: str, vectors: Floats, reward: float) -> Logged:
    """What breaks off beside whole texts is left out: no policy may put it on top."""
    shown = _in_order(decision)
    kept = [k for k, each in enumerate(shown) if each.broken_off == shown[0].broken_off]
    candidates = [shown[k] for k in kept]
    return Logged(
        user=user,
        features=vectors[kept],
        scores=np.array([each.score + (each.quality or 0.0) for each in candidates]),
        propensities=np.array([each.propensity for each in candidates]),
        top=0,
        reward=reward,
    )


def _place(decision: Decision) -> Place:
    return user_key(decision.user_id, decision.tenant), decision.request_id
