"""The preference model as a River estimator: what all users share, and what one user has taught.

w ~ N(mu, Sigma + V),  y = phi^T w + e,  e ~ N(0, sigma^2 / weight)
P = (Sigma + V)^-1,  Lambda = P + A / sigma^2,  m = Lambda^-1 (P mu + b / sigma^2)
(Bishop, PRML 2006, equations 3.50 and 3.51)
"""

from __future__ import annotations

from collections.abc import Hashable
from functools import cached_property
from typing import Any

import numpy as np
from river import base

from genre_models.preferences.moments import (
    Floats,
    dimension,
    gram,
    moment,
    moments,
    size,
    widened,
)
from genre_models.preferences.posterior import NOTHING_KNOWN, Posterior, Prior


class HierarchicalRegression(base.Regressor):
    """Bayesian linear regression around a population's prior, kept as sums that forget with time.

    What it has learned are `moments` [size(d)], A = sum w phi phi^T and b = sum w y phi, so the
    order of learning never matters and a negative weight takes back what a positive one taught.
    With x' = L^T x and y' = y - mu^T x, where L L^T = Sigma + V, it equals
    `linear_model.BayesianLinearRegression(alpha=1, beta=1 / noise)`.

    Parameters
    ----------
    prior
        What is believed beforehand of its features, which are called 0, 1, ... by their columns.
    variance
        The prior variance of every other feature, > 0; its prior mean is 0.
    half_life
        In the unit of `t`; None never forgets.

    Examples
    --------
    >>> bias = Prior(np.array([0.6]), spread=np.eye(1) / 10, doubt=np.zeros((1, 1)), noise=0.15)
    >>> model = HierarchicalRegression(bias, variance=0.1)
    >>> model.predict_one({0: 1, "joke": 1})
    0.6
    >>> for _ in range(3):
    ...     model.learn_one({0: 1, "joke": 1}, 1.0)
    >>> round(model.predict_one({0: 1, "joke": 1}), 2), round(model.predict_one({0: 1}), 2)
    (0.92, 0.76)
    """

    def __init__(
        self, prior: Prior | None = None, variance: float = 1.0, half_life: float | None = None
    ) -> None:
        self.prior = prior
        self.variance = variance
        self.half_life = half_life
        self.moments: Floats = np.zeros(size(len(prior.mean) if prior else 0))
        self._newest: float | None = None
        self._posterior: Posterior | None = None

    @classmethod
    def of(cls, prior: Prior | None, moments: Floats) -> HierarchicalRegression:
        """The model that has learned `moments` [size(d)], of at least the prior's features."""
        model = cls(prior)
        model.moments = moments
        return model

    def learn_one(
        self, x: dict[Hashable, Any], y: float, w: float = 1.0, t: float | None = None
    ) -> None:
        """Learn the target `y` of `x` with weight `w`, or what is left of it at the newest time.

        With a half-life, an observation at time `t` weighs 2^((t - newest) / half_life), also when
        it arrives late.
        """
        for name in x:
            self._columns.setdefault(name, len(self._columns))
        self.moments = widened(self.moments, len(self._columns))
        weight = w * self._kappa(t)
        self.learn_many(self._vector(x)[None, :], np.array([y]), np.array([weight]))

    def learn_many(self, phi: Floats, targets: Floats, weights: Floats) -> None:
        """Learn observations at the newest time.

        `phi` is [k, d] in the order of the columns, `targets` and `weights` are [k].
        """
        learned = moments(phi, targets, weights)
        learned += self.moments
        self.moments = learned
        self._posterior = None

    def predict_one(self, x: dict[Hashable, Any]) -> float:
        """The posterior mean of the target of `x`."""
        return float(self._vector(x) @ self.posterior.mean)

    @property
    def posterior(self) -> Posterior:
        """What is believed now: columns are the prior's, then others as they were first learned."""
        if self._posterior is None:
            evidence = gram(self.moments)
            prior = (self.prior or NOTHING_KNOWN).widened(len(evidence), self.variance)
            precision = evidence / prior.noise
            precision += prior.precision
            root = np.linalg.inv(np.linalg.cholesky(precision))
            mean = root.T @ (root @ (prior.shift + moment(self.moments) / prior.noise))
            self._posterior = Posterior(mean, root, evidence)
        return self._posterior

    @cached_property
    def _columns(self) -> dict[Hashable, int]:
        """Of every feature that is known."""
        return {column: column for column in range(dimension(len(self.moments)))}

    def _vector(self, x: dict[Hashable, Any]) -> Floats:
        """[d] of `x`: what is not known has had no effect yet."""
        phi = np.zeros(len(self._columns))
        for name in x.keys() & self._columns.keys():
            phi[self._columns[name]] = x[name]
        return phi

    def _kappa(self, t: float | None) -> float:
        """The weight of an observation at `t`; a newer one fades all that came before."""
        if t is None or self.half_life is None:
            return 1.0
        if self._newest is None or t > self._newest:
            if self._newest is not None:
                self.moments = self.moments * 2.0 ** ((self._newest - t) / self.half_life)
            self._newest = t
        return float(2.0 ** ((t - self._newest) / self.half_life))
