"""What a reaction says: the signal that the learner takes, and what the user had seen."""

from __future__ import annotations

import numpy as np

from agents.genres.registry import Registry
from agents.recommend.decision_row import DecisionRow
from genre_models.preferences.features import (
    DIMENSION,
    Arm,
    arm_features,
    candidate_features,
    described_features,
    unpacked,
)
from genre_models.preferences.learner import Shown
from genre_models.preferences.signals import KINDS, Kind, Scene, Signal, digest, observe
from schemas.errors import Rejected
from schemas.feedback import Feedback
from schemas.recommendations import RankedCandidate
from streams.worker.delivery import Delivery


def signal_of(delivery: Delivery[Feedback], shown: Shown, scene: Scene) -> Signal:
    """The signal of a reaction to what was shown; its time is the reaction's own, or the record's.

    Raises Rejected (invalid_value, ...).
    """
    reaction = delivery.event
    kind = KINDS[reaction.kind]
    weight, target = observe(kind, reaction.text if kind is Kind.EDIT else reaction.value, scene)
    moment = reaction.time.timestamp() if reaction.time else delivery.source.timestamp
    return Signal(
        id=digest(reaction.feedback_id or delivery.id),
        decision=shown.decision,
        candidate=0 if kind is Kind.HISTORY else _index(reaction),
        kind=kind,
        time=int(moment),
        weight=weight,
        target=target,
    )


def seen(reaction: Feedback, decision: DecisionRow | None) -> tuple[Shown, Scene]:
    """What was shown with the candidate that is reacted to, and how that one stood there.

    Raises Rejected: unknown_request, nothing_shown, unknown_candidate.
    """
    answered = require_shown(decision)
    shown, index = shown_of(answered), _index(reaction)
    if index is None:
        return shown, Scene()
    texts = {each.candidate_id: each.text for each in candidates_of(answered)}
    text = texts.get(reaction.candidate_id or "")
    if text is None:
        raise Rejected(
            "unknown_candidate",
            f"Expected one of the shown candidates {', '.join(texts)}, got {index}.",
        )
    scene = Scene(
        position=shown.positions[index],
        words=len(text.split()),
        predicted=shown.predicted[index],
        text=text,
    )
    return shown, scene


def described(delivery: Delivery[Feedback], registry: Registry) -> tuple[Shown, Scene]:
    """What a `history` reaction was to: a text or a genre that it brings along."""
    reaction, genre = delivery.event, delivery.event.genre
    taxonomy = registry.taxonomy(reaction.tenant)
    arm = Arm(
        genre=genre,
        family=taxonomy.family_of(genre) if genre and genre in taxonomy else None,
        salts={genre: registry.salt(genre)} if genre else {},
    )
    if reaction.features is not None:
        features = described_features(arm, reaction.features)
    else:
        features = candidate_features(arm, reaction.text) if reaction.text else arm_features(arm)
    number = digest(f"history/{reaction.feedback_id or delivery.id}")
    shown = Shown(decision=number, features=features[None, :], positions=(0,), predicted=(0.5,))
    return shown, Scene()


def require_shown(decision: DecisionRow | None) -> DecisionRow:
    """The decision, if it showed texts. Raises Rejected: unknown_request, nothing_shown."""
    if decision is None:
        raise Rejected(
            "unknown_request",
            "Expected feedback about one of the user's newest 32 requests, got another.",
        )
    if decision.decision is None:
        raise Rejected(
            "nothing_shown",
            "Expected feedback about a request that was answered with texts, got another.",
        )
    return decision


def shown_of(row: DecisionRow) -> Shown:
    """What the user saw, as the learner needs it; candidates in the order of their index."""
    decided = row.decision
    assert decided is not None
    features = np.zeros((1 + max(each.index for each in decided.candidates), DIMENSION), np.float32)
    positions, predicted = [0] * len(features), [0.5] * len(features)
    for each in decided.candidates:
        features[each.index] = unpacked(each.features)
        positions[each.index], predicted[each.index] = each.position, each.score
    return Shown(
        decision=digest(row.request_id), features=features, positions=positions, predicted=predicted
    )


def candidates_of(decision: DecisionRow | None) -> tuple[RankedCandidate, ...]:
    """The texts that a request was answered with."""
    answer = decision.answer if decision is not None else None
    return answer.candidates if answer is not None else ()


def _index(reaction: Feedback) -> int | None:
    return int(reaction.candidate_id.rpartition("/")[2]) if reaction.candidate_id else None
