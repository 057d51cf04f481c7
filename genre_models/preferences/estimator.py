"""The preference model as a River estimator: one user, dict features, any number of them."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
from river import base

from genre_models.preferences.moments import Floats


class HierarchicalRegression(base.Regressor):
    """Bayesian linear regression around a population's prior, kept as sums that forget with time.

    The state is A = sum w phi phi^T and b = sum w y phi, so the order of learning never matters and
    `learn_one` with a negative `w` takes back what a positive one taught. With `half_life`, an
    observation at time t weighs 2^((t - newest) / half_life), also when it arrives late. With x' =
    L^T x and y' = y - mu^T x, where L L^T = Sigma, it equals
    `linear_model.BayesianLinearRegression(alpha=1, beta=1 / noise)`.

    Parameters
    ----------
    mean
        The prior mean of the weights by feature name; 0 for those it does not name.
    covariance
        The prior covariance by pairs of feature names; where it names neither, `variance` on the
        diagonal and 0 beside it.
    variance
        The prior variance of features that `covariance` does not name, > 0.
    noise
        The variance of one observation of weight 1, > 0.
    half_life
        In the unit of `t`; None never forgets.

    Examples
    --------
    >>> model = HierarchicalRegression(mean={"bias": 0.6}, variance=0.1, noise=0.15)
    >>> model.predict_one({"bias": 1, "joke": 1})
    0.6
    >>> for _ in range(3):
    ...     model.learn_one({"bias": 1, "joke": 1}, 1.0)
    >>> (
    ...     round(model.predict_one({"bias": 1, "joke": 1}), 2),
    ...     round(model.predict_one({"bias": 1, "poem": 1}), 2),
    ... )
    (0.92, 0.76)
    """

    def __init__(
        self,
        mean: Mapping[Hashable, float] | None = None,
        covariance: Mapping[tuple[Hashable, Hashable], float] | None = None,
        variance: float = 1.0,
        noise: float = 1.0,
        half_life: float | None = None,
    ) -> None:
        self.mean = mean
        self.covariance = covariance
        self.variance = variance
        self.noise = noise
        self.half_life = half_life
        self._index: dict[Hashable, int] = {}
        self._gram: Floats = np.zeros((0, 0))
        self._moment: Floats = np.zeros(0)
        self._newest: float | None = None
        self._weights: Floats | None = None

    def learn_one(
        self, x: dict[Hashable, Any], y: float, w: float = 1.0, t: float | None = None
    ) -> None:
        """Learn the target `y` of `x` with weight `w` at time `t`."""
        phi = self._vector(x)
        w *= self._kappa(t)
        self._gram += w * np.outer(phi, phi)
        self._moment += w * y * phi
        self._weights = None

    def predict_one(self, x: dict[Hashable, Any]) -> float:
        """The posterior mean of the target of `x`."""
        if self._weights is None:
            self._weights = self._solve()
        prior = self.mean or {}
        return float(
            sum(
                value
                * (
                    self._weights[self._index[name]]
                    if name in self._index
                    else prior.get(name, 0.0)
                )
                for name, value in sorted(x.items(), key=lambda item: str(item[0]))
            )
        )

    def posterior(self) -> tuple[Floats, Floats]:
        """Mean [d] and covariance [d, d] of the weights, in the order in which features were first
        learned."""
        covariance: Floats = np.linalg.inv(self._precision())
        return self._solve(), covariance

    def _solve(self) -> Floats:
        names = list(self._index)
        prior = np.array([(self.mean or {}).get(name, 0.0) for name in names])
        shift = self._prior_precision() @ prior + self._moment / self.noise
        solution: Floats = np.linalg.solve(self._precision(), shift)
        return solution

    def _precision(self) -> Floats:
        total: Floats = self._prior_precision() + self._gram / self.noise
        return total

    def _prior_precision(self) -> Floats:
        names = list(self._index)
        if not self.covariance:
            return np.eye(len(names)) / self.variance
        named = {name for pair in self.covariance for name in pair}
        prior = np.array(
            [
                [
                    self.covariance.get((a, b), self.variance * (a == b and a not in named))
                    for b in names
                ]
                for a in names
            ]
        )
        inverse: Floats = np.linalg.inv(prior)
        return inverse

    def _kappa(self, t: float | None) -> float:
        """The weight of an observation at `t`; a newer one fades all that came before."""
        if t is None or self.half_life is None:
            return 1.0
        if self._newest is None or t > self._newest:
            fade = 1.0 if self._newest is None else 2.0 ** ((self._newest - t) / self.half_life)
            self._gram *= fade
            self._moment *= fade
            self._newest = t
        return float(2.0 ** ((t - self._newest) / self.half_life))

    def _vector(self, x: Mapping[Hashable, Any]) -> Floats:
        """[d] of `x`, after making room for names not seen before."""
        for name in x:
            self._index.setdefault(name, len(self._index))
        missing = len(self._index) - len(self._moment)
        if missing:
            self._gram = np.pad(self._gram, (0, missing))
            self._moment = np.pad(self._moment, (0, missing))
        phi = np.zeros(len(self._index))
        for name, value in x.items():
            phi[self._index[name]] = value
        return phi
