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
from genre_models.preferences.learner import learn_one
from genre_models.preferences.moments import Floats, size
from genre_models.preferences.posterior import Prior, base_prior
from genre_models.preferences.row import HALF_LIFE, UserRow
from genre_models.preferences.signals import Kind
from tests.genre_models.preferences.reactions import NOW, shown, signal

NAMES = (0, "b", "c")

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


def prior_around(mean: Floats, spread: Floats, noise: float) -> Prior:
    return Prior(mean, spread, np.zeros_like(spread), noise)


def learned(events: list[Any]) -> HierarchicalRegression:
    bias = prior_around(np.array([0.6]), np.eye(1) / 5, noise=0.15)
    model = HierarchicalRegression(bias, variance=0.2, half_life=30.0)
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
    ours = HierarchicalRegression(prior_around(mu, sigma, noise=0.2))
    stock = linear_model.BayesianLinearRegression(alpha=1, beta=1 / 0.2)
    for _ in range(200):
        phi, y = generator.normal(size=3), generator.normal()
        x: dict[Any, float] = dict(enumerate(phi))
        whitened: dict[Any, float] = dict(enumerate(root.T @ phi))
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


@given(observations)
def test_many_at_once_are_learned_as_one_by_one(events: list[Any]) -> None:
    before = np.zeros(size(3))
    one, many = (HierarchicalRegression.of(None, before) for _ in range(2))
    for phi, y, w, _ in events:
        one.learn_one(dict(enumerate(phi)), y, w)
    phi, y, w, _ = map(np.array, zip(*events, strict=True))
    many.learn_many(phi, y, w)
    assert np.allclose(one.moments, many.moments) and not before.any()


@given(observations)
def test_a_feature_that_comes_late_had_been_zero(events: list[Any]) -> None:
    early, late = learned([((0.0,) * 3, 0.0, 1.0, 0)]), learned([])
    for phi, y, w, t in sorted(events, key=lambda event: event[0].count(0.0), reverse=True):
        x: dict[Any, float] = dict(zip(NAMES, phi, strict=True))
        early.learn_one(x, y, w, t)
        late.learn_one({name: value for name, value in x.items() if value}, y, w, t)
        assert late.predict_one(x) == pytest.approx(early.predict_one(x), abs=1e-9)


def test_the_past_fades_to_the_prior() -> None:
    model = HierarchicalRegression(prior_around(np.zeros(1), np.eye(1), noise=0.1), half_life=30.0)
    model.learn_one({0: 1.0}, 1.0, t=0.0)
    fresh = model.predict_one({0: 1.0})
    model.learn_one({0: 0.0}, 0.0, t=300.0)
    assert model.predict_one({0: 1.0}) < 0.05 < fresh


def test_a_users_row_and_posterior_are_this_estimator() -> None:
    prior = base_prior()
    model = HierarchicalRegression(prior, half_life=HALF_LIFE)
    row = UserRow()
    for k in range(12):
        scene = shown(k)
        one = signal(k + 1, Kind.LIKE if k % 3 else Kind.DISLIKE, k, k % 4, time=NOW + k * 86_400)
        row = learn_one(row, one, scene, one.time).row
        model.learn_one(
            dict(enumerate(scene.features[k % 4].astype(float))), one.target, one.weight, one.time
        )
    posterior = HierarchicalRegression.of(prior, row.moments(row.last)).posterior
    for phi in shown(99).features.astype(np.float64):
        assert model.predict_one(dict(enumerate(phi))) == pytest.approx(
            float(phi @ posterior.mean), abs=2e-3
        )
        assert posterior.deviation(phi) ** 2 == pytest.approx(
            model.posterior.deviation(phi) ** 2, rel=2e-3
        )
