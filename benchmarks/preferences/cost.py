"""B6: bytes, and microseconds of one core: CPU time, so that others on the machine do not count."""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import count

import numpy as np

from benchmarks.preferences.drifting import START, World
from benchmarks.preferences.policies import TUNED, Offer, Ours, Policy, VowpalWabbit
from genre_models.planner import ALPHA
from genre_models.preferences.estimator import HierarchicalRegression
from genre_models.preferences.features import DIMENSION
from genre_models.preferences.learner import Shown, learn_one
from genre_models.preferences.moments import Floats, size
from genre_models.preferences.posterior import base_prior
from genre_models.preferences.row import UserRow
from genre_models.preferences.signals import Kind, Signal

NOTED_D = 25
"""The d that the note's figures are for."""


def figures(place: World) -> dict[str, float]:
    """The least of nine runs each, ours and the peer's: what others take away is nobody's cost."""
    ours, vw = Ours(np.random.default_rng(0)), VowpalWabbit(np.random.default_rng(0), TUNED)
    own, peer = (_decide_us(policy, place) for policy in (ours, vw))
    learned, told = _learn_us(DIMENSION), _vw_learn_us(DIMENSION)
    row = _row(DIMENSION)
    phi = np.random.default_rng(1).uniform(-1, 1, (8, DIMENSION))
    return {
        "learn_us": learned,
        "vw_learn_us": told,
        "learn_d25_us": _learn_us(NOTED_D),
        "score8_us": _us(lambda: _scored(row, phi), 200),
        "row_bytes": float(len(row.pack())),
        "row_sums_bytes_d25": 4.0 * size(NOTED_D),
        "decide_us": own,
        "vw_decide_us": peer,
        "speedup_vs_vw": told / learned,
        "decide_speedup_vs_vw": peer / own,
    }


def _scored(row: UserRow, phi: Floats) -> Floats:
    posterior = HierarchicalRegression.of(base_prior(), row.moments(START)).posterior
    return posterior.draws(phi, 1, ALPHA, np.random.default_rng(2))


def _learn_us(d: int) -> float:
    """One like learned by a row that has a full ring, and packed."""
    row, numbers, scenes = _row(d), count(10_000), _scenes(d)
    return _us(lambda: _learned(row, next(numbers), scenes).pack(), 300)


def _vw_learn_us(d: int) -> float:
    """The same like learned by VW's Python binding, which takes the four candidates as text.

    Nothing is stored.
    """
    policy, numbers = VowpalWabbit(np.random.default_rng(0), TUNED), count(10_000)
    scenes = [
        np.random.default_rng(k).uniform(-1, 1, (4, d)).astype(np.float16).astype(np.float64)
        for k in range(300)
    ]

    def learn_one() -> None:
        number = next(numbers)
        # Texts are new every time, and so are their features: none is written out already.
        policy.forget_texts()
        offer = Offer(user=number % 50, phi=scenes[number % 300], tags=(("",),) * 4, now=START)
        policy.learn(offer, number % 4, 0.25, float(number % 3 > 0))

    return _us(learn_one, 300)


def _row(d: int) -> UserRow:
    row = UserRow(sums=np.zeros(size(d), np.int32))
    for number in range(1, 100):
        row = _learned(row, number, _scenes(d))
    return row


def _scenes(d: int) -> Floats:
    return np.random.default_rng(0).uniform(-1, 1, (4, d)).astype(np.float16).astype(np.float32)


def _learned(row: UserRow, number: int, features: Floats) -> UserRow:
    liked = float(number % 3 > 0)
    signal = Signal(id=number, decision=number, candidate=number % 4,
                    kind=Kind.LIKE if liked else Kind.DISLIKE, time=START, weight=1.0,
                    target=liked)  # fmt: skip
    scene = Shown(decision=number, features=features, positions=(0, 1, 2, 3), predicted=(0.6,) * 4)
    return learn_one(row, signal, scene, START).row


def _decide_us(policy: Policy, place: World) -> float:
    """One decision among eight arms and learning from it."""
    dice = np.random.default_rng(3)

    def decide() -> None:
        user, arms = int(dice.integers(50)), dice.choice(len(place.phi), 8, replace=False)
        offer = Offer(user=user, phi=place.phi[arms], tags=(("",),) * 8, now=START)
        chosen, propensity = policy.choose(offer)
        policy.learn(offer, chosen, propensity, float(dice.random() < 0.6))

    return _us(decide, 300)


def _us(work: Callable[[], object], times: int) -> float:
    taken = []
    for _ in range(9):
        begun = time.process_time()
        for _ in range(times):
            work()
        taken.append((time.process_time() - begun) / times)
    return 1e6 * min(taken)
