"""Decisions and reactions that the preference tests share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from genre_models.preferences.estimator import HierarchicalRegression
from genre_models.preferences.features import DIMENSION, Arm, candidate_features
from genre_models.preferences.learner import Learned, Shown, learn_one, retract_one
from genre_models.preferences.posterior import Posterior, base_prior
from genre_models.preferences.row import UserRow
from genre_models.preferences.signals import Kind, Scene, Signal, observe
from genre_models.taxonomy import Genre

NOW = 1_750_000_000
FAMILIES = {"joke": "humour", "riddle": "humour", "poetry": "verse", "sms": "message"}
GENRES = {
    id: Genre(id, family, f"A {id}.", f"Write a {id}.", ()) for id, family in FAMILIES.items()
}


def shown(decision: int, genres: Iterable[str] = FAMILIES, salts: Mapping[str, int] = {}) -> Shown:
    """One candidate a genre, as it was read back from the decisions table (float16)."""
    texts = [
        (
            Arm(genre=genre, family=FAMILIES[genre], salts=salts),
            f"A text of {genre}, number {decision}.",
        )
        for genre in genres
    ]
    features = np.stack([candidate_features(arm, text) for arm, text in texts]).astype(np.float16)
    return Shown(
        decision=decision,
        features=features,
        positions=range(len(features)),
        predicted=(0.6,) * len(features),
    )


def random_shown(decision: int, candidates: int = 3) -> Shown:
    features = (
        np.random.default_rng(decision).uniform(-1, 1, (candidates, DIMENSION)).astype(np.float16)
    )
    return Shown(
        decision=decision,
        features=features,
        positions=range(candidates),
        predicted=(0.5,) * candidates,
    )


def signal(
    identity: int,
    kind: Kind,
    decision: int,
    candidate: int | None,
    value: float | str | None = None,
    time: int = NOW,
) -> Signal:
    weight, target = observe(kind, value, Scene())
    return Signal(
        id=identity,
        decision=decision,
        candidate=candidate,
        kind=kind,
        time=time,
        weight=weight,
        target=target,
    )


def learned(signals: Iterable[Signal], row: UserRow | None = None, now: float = NOW) -> UserRow:
    """The row after all signals; a VOID one retracts the signal with its id."""
    row = row or UserRow()
    for one in signals:
        row = applied(row, one, now).row
    return row


def applied(row: UserRow, one: Signal, now: float = NOW) -> Learned:
    scene = random_shown(one.decision)
    return (
        retract_one(row, one.id, scene, now)
        if one.kind is Kind.VOID
        else learn_one(row, one, scene, now)
    )


def liking(genre: str, times: int, against: str | None = None) -> Posterior:
    """What is believed after `times` likes of one genre, each with a dislike of another."""
    row = UserRow()
    for k in range(times):
        for place, (name, kind) in enumerate(((genre, Kind.LIKE), (against, Kind.DISLIKE))):
            if name is not None:
                one = signal(2 * k + place + 1, kind, 2 * k + place, 0, time=NOW + k)
                row = learn_one(row, one, shown(2 * k + place, [name]), NOW + k).row
    return HierarchicalRegression.of(base_prior(), row.moments(NOW + times)).posterior
