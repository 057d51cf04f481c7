"""The estimator is River's kind, equals the stock model through whitening, and its order never
matters."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from river import checks, linear_model

from genre_models.preferences.estimator import HierarchicalRegression
from genre_models.preferences.learner import learn
from genre_models.preferences.posterior import Posterior, base_prior
from genre_models.preferences.row import HALF_LIFE, UserRow
from genre_models.preferences.signals import Kind
from tests.genre_models.preferences.reactions import NOW, shown, signal

NAMES = ("a", "b", "c")

observations = st.lists(
    st.tuples(
        st.tuples(*[st.floats(-2, 2)] * 3),
        st.floats(-1, 2),
        st.sampled_from([0.25, 0.5, 1.0]),
        st.integers(0, 200),
    ),
    min_size=1,
    max_size=12,
)


def learned(events: list[Any]) -> HierarchicalRegression:
    model = HierarchicalRegression(mean={"a": 0.6}, variance=0.2, noise=0.15, half_life=30.0)
    for phi, y, w, t in events:
        model.learn_one(dict(zip(NAMES, phi, strict=True)), y, w, t)
    return model


@pytest.mark.parametrize(
    "check", list(checks.yield_checks(HierarchicalRegression())), ids=lambda check: check.__name__
)
def test_river_accepts_it(check: Any) -> None:
    check(HierarchicalRegression())


def test_it_equals_the_stock_model_through_whitening() -> None:
    generator = np.random.default_rng(3)
    root = np.tril(generator.normal(size=(3, 3))) + 2 * np.eye(3)
    mu, sigma = generator.normal(size=3), root @ root.T
    covariance: dict[Any, float] = {
        (NAMES[i], NAMES[j]): sigma[i, j] for i in range(3) for j in range(3)
    }
    ours = HierarchicalRegression(
        mean=dict(zip(NAMES, mu, strict=True)), covariance=covariance, noise=0.2
    )
    stock = linear_model.BayesianLinearRegression(alpha=1, beta=1 / 0.2)
    for _ in range(200):
        phi, y = generator.normal(size=3), generator.normal()
        x: dict[Any, float] = dict(zip(NAMES, phi, strict=True))
        whitened: dict[Any, float] = dict(enumerate(root.T @ phi))
        if ours._index:
            assert ours.predict_one(x) == pytest.approx(
                stock.predict_one(whitened) + mu @ phi, abs=1e-10
            )
        ours.learn_one(x, y)
        stock.learn_one(whitened, y - mu @ phi)


@given(observations, st.randoms())
def test_any_order_gives_the_same_posterior(events: list[Any], dice: random.Random) -> None:
    shuffled = dice.sample(events, len(events))
    one, other = learned(events), learned(shuffled)
    x: dict[Any, float] = dict.fromkeys(NAMES, 1.0)
    assert one.predict_one(x) == pytest.approx(other.predict_one(x), abs=1e-9)


@given(observations, observations)
def test_a_negative_weight_takes_back_what_was_learned(
    kept: list[Any], retracted: list[Any]
) -> None:
    newest = [((0.0, 0.0, 0.0), 0.0, 1.0, 200)]
    model = learned(newest + kept + retracted + [(phi, y, -w, t) for phi, y, w, t in retracted])
    x: dict[Any, float] = dict.fromkeys(NAMES, 1.0)
    assert model.predict_one(x) == pytest.approx(learned(newest + kept).predict_one(x), abs=1e-9)


def test_the_past_fades_to_the_prior() -> None:
    model = HierarchicalRegression(half_life=30.0, noise=0.1)
    model.learn_one({"a": 1.0}, 1.0, t=0.0)
    fresh = model.predict_one({"a": 1.0})
    model.learn_one({"a": 0.0}, 0.0, t=300.0)
    assert model.predict_one({"a": 1.0}) < 0.05 < fresh


def test_a_users_row_and_posterior_are_this_estimator() -> None:
    prior = base_prior()
    total = prior.spread + prior.doubt
    columns = range(len(prior.mean))
    model = HierarchicalRegression(
        mean=dict(enumerate(prior.mean)),
        covariance={(i, j): total[i, j] for i in columns for j in columns},
        noise=prior.noise,
        half_life=HALF_LIFE,
    )
    row = UserRow()
    for k in range(12):
        scene = shown(k)
        one = signal(k + 1, Kind.LIKE if k % 3 else Kind.DISLIKE, k, k % 4, time=NOW + k * 86_400)
        row = learn(row, one, scene, one.time).row
        model.learn_one(
            dict(enumerate(scene.features[k % 4].astype(float))), one.target, one.weight, one.time
        )
    posterior = Posterior.of(prior, row.moments(row.last))
    for phi in shown(99).features.astype(np.float64):
        assert model.predict_one(dict(enumerate(phi))) == pytest.approx(
            float(phi @ posterior.mean), abs=2e-3
        )
        assert posterior.deviation(phi) ** 2 == pytest.approx(
            float(phi @ model.posterior()[1] @ phi), rel=2e-3
        )
