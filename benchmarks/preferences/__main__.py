"""Ours and its peers in the same run.

`python -m benchmarks.preferences [--quick] [--json] [--seeds N ...]`. The default seeds were used
for nothing else. Needs `pip install '.[bench]'` for Vowpal Wabbit and the second set.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from importlib.util import find_spec
from statistics import fmean
from types import MappingProxyType

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.preferences import cost, drifting, five, logged, progressive
from benchmarks.preferences.drifting import Regret, World
from benchmarks.preferences.policies import POLICIES, Disjoint, Maker, Ours
from benchmarks.preferences.ratings import Ratings, movielens_100k, movielens_small
from benchmarks.report import show, show_json
from genre_models.preferences.features import DIMENSION
from genre_models.ranker import ALPHA, IGW_SHARE

SEEDS = (7001, 7002, 7003)
QUICK_USERS = 160

Figures = dict[str, float | None]
Pending = Callable[[], Figures]
"""Figures of work that is under way."""

RATINGS: Mapping[str, Callable[[], Ratings]] = MappingProxyType(
    {"ml100k": movielens_100k, "mlsmall": movielens_small}
)
FILM_POLICIES: Mapping[str, Maker] = MappingProxyType(
    {
        **POLICIES,
        # A film is seen once: what the ranker does with texts, not what the planner does with arms.
        "ours": lambda random, d: Ours(random, ALPHA),
        "linucb": lambda random, d: Disjoint(random, is_shared=True),
        "common_regression": POLICIES["common"],
        "common": lambda random, d: five.MostLiked(),
    }
)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.preferences", description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="two seeds and fewer users of B1, B4 and B6 only"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object as the last line")
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS, help="of the simulations")
    given = parser.parse_args()
    missing = [name for name in ("vowpalwabbit", "rdata") if find_spec(name) is None]
    if missing:
        sys.exit(
            f"benchmarks.preferences: {', '.join(missing)} not found; "
            "run pip install -c constraints.txt '.[bench]'"
        )
    with threadpool_limits(1, user_api="blas"):
        figures: Figures = {}
        for part in measured(tuple(given.seeds), quick=given.quick):
            show(part, json=False)
            figures |= part
    if given.json:
        show_json(figures)


def measured(seeds: tuple[int, ...], *, quick: bool) -> Iterator[Figures]:
    """Every figure as soon as it is known, None for what `quick` leaves out.

    Costs are measured alone, the rest on every core.
    """
    users = QUICK_USERS if quick else None
    seeds = seeds[:2] if quick else seeds
    first = drifting.world(
        movielens_100k(), heterogeneity=2, warm=False, seed=seeds[0], users=users
    )
    yield {"d": float(DIMENSION), "seeds": float(len(seeds)), **cost.figures(first)}
    with ProcessPoolExecutor() as pool:
        pending = [regrets(pool, "b1", seeds, heterogeneity=2, warm=False, users=users)]
        pending += [evaluated(pool, first)]
        for name in RATINGS:
            pending += [like_rates(pool, name, () if quick else seeds[:2])]
        pending += [validated(pool, name, quick=quick) for name in ("ours", "vw")]
        for heterogeneity, warm in ((1, False), (1, True), (2, True)):
            name = f"b1_hs{heterogeneity}_{'warm' if warm else 'cold'}"
            pending += [
                regrets(
                    pool, name, () if quick else seeds[:1], heterogeneity=heterogeneity, warm=warm
                )
            ]
        yield from (part() for part in pending)


def regrets(
    pool: Executor,
    name: str,
    seeds: Sequence[int],
    *,
    heterogeneity: float,
    warm: bool,
    users: int | None = None,
) -> Pending:
    """Means over the seeds by policy; None for all of them without seeds."""
    ratings = movielens_100k()
    worlds = [
        drifting.world(ratings, heterogeneity=heterogeneity, warm=warm, seed=seed, users=users)
        for seed in seeds
    ]
    lives = {
        policy: [pool.submit(_lived, policy, place) for place in worlds] for policy in POLICIES
    }

    def means() -> Figures:
        lost = {policy: [each.result() for each in of_seeds] for policy, of_seeds in lives.items()}
        # "common" is the best arm for all, known from the start; "common_learned" learns it.
        lost["common_learned"] = lost["common"]
        lost["common"] = [drifting.regret_of_common(place) for place in worlds]
        return {
            f"{name}_{what}_{policy}": fmean(getattr(each, field) for each in of_seeds)
            if of_seeds
            else None
            for policy, of_seeds in lost.items()
            for what, field in (("regret", "total"), ("after_drift", "after"))
        }

    return means


def _lived(policy: str, place: World) -> Regret:
    return drifting.regret(POLICIES[policy](np.random.default_rng(place.seed), DIMENSION), place)


def evaluated(pool: Executor, place: World) -> Pending:
    """Errors of the estimate from two logs.

    One is drawn wholly by inverse gap weighting, one is as the product writes it.
    """
    whole, mixed = (pool.submit(logged.errors, place, share) for share in (1.0, IGW_SHARE))

    def errors() -> Figures:
        known = [error for error in whole.result().values() if error is not None]
        figures: Figures = {"b4_dr_error": max(known) if known else None}
        for name, found in (("b4_dr_error", whole.result()), ("b4_dr_error_mixed", mixed.result())):
            figures |= {f"{name}_{policy}": error for policy, error in found.items()}
        return figures

    return errors


def like_rates(pool: Executor, name: str, seeds: Sequence[int]) -> Pending:
    """Means over the seeds by policy; `common` shows the film that most like."""
    rates = {
        policy: [pool.submit(_like_rate, policy, name, seed) for seed in seeds]
        for policy in FILM_POLICIES
    }
    return lambda: {
        f"b2_{name}_{policy}": fmean(each.result() for each in of_seeds) if of_seeds else None
        for policy, of_seeds in rates.items()
    }


def _like_rate(policy: str, name: str, seed: int) -> float:
    return five.like_rate(
        FILM_POLICIES[policy](np.random.default_rng(seed), DIMENSION), RATINGS[name](), seed
    )


def validated(pool: Executor, name: str, *, quick: bool) -> Pending:
    """AUC, log-loss and AUC within users of ratings, each predicted before it is learned."""
    found = None if quick else pool.submit(_validated, name)
    keys = ("auc", "log_loss", "within_auc")
    return lambda: {
        f"b3_{key}_{name}": None if found is None else found.result()[key] for key in keys
    }


def _validated(name: str) -> dict[str, float]:
    return {"ours": progressive.ours, "vw": progressive.vowpal_wabbit}[name](movielens_100k())


if __name__ == "__main__":
    main()
