"""`python -m benchmarks.preferences [--quick] [--json] [--seeds N ...]`: ours and its peers in the same run.

The default seeds were used for nothing else. Needs `pip install '.[bench]'` for Vowpal Wabbit and the second set.
"""

from __future__ import annotations

import argparse
import sys
from importlib.util import find_spec
from statistics import fmean

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.preferences import cost, drifting, five, logged, progressive
from benchmarks.preferences.drifting import Regret
from benchmarks.preferences.policies import POLICIES, Disjoint, Maker
from benchmarks.preferences.ratings import Ratings, movielens_100k, movielens_small
from benchmarks.report import show
from genre_models.preferences.features import DIMENSION
from genre_models.ranker import IGW_SHARE

SEEDS = (7001, 7002, 7003)
QUICK_USERS = 160

Figures = dict[str, float | None]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.preferences", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="two seeds and fewer users of B1, B4 and B6 only")
    parser.add_argument("--json", action="store_true", help="one JSON object as the last line")
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS, help="of the simulations")
    given = parser.parse_args()
    missing = [name for name in ("vowpalwabbit", "rdata") if find_spec(name) is None]
    if missing:
        sys.exit(
            f"benchmarks.preferences: {', '.join(missing)} not found; run pip install -c constraints.txt '.[bench]'"
        )
    with threadpool_limits(1, user_api="blas"):
        show(measured(tuple(given.seeds), quick=given.quick), json=given.json)


def measured(seeds: tuple[int, ...], *, quick: bool) -> Figures:
    """Every figure, None for what `quick` leaves out."""
    ratings, users = movielens_100k(), QUICK_USERS if quick else None
    seeds = seeds[:2] if quick else seeds
    first = drifting.world(ratings, heterogeneity=2, warm=False, seed=seeds[0], users=users)
    figures: Figures = {"d": float(DIMENSION), "seeds": float(len(seeds)), **cost.figures(first)}
    figures |= regrets("b1", ratings, seeds, heterogeneity=2, warm=False, users=users)
    others = [(h, warm) for h in (1, 2) for warm in (False, True) if (h, warm) != (2, False)]
    for heterogeneity, warm in others:
        name = f"b1_hs{heterogeneity}_{'warm' if warm else 'cold'}"
        figures |= regrets(name, ratings, () if quick else seeds[:1], heterogeneity=heterogeneity, warm=warm)
    evaluated, mixed = logged.errors(first, 1.0), logged.errors(first, IGW_SHARE)
    known = [error for error in evaluated.values() if error is not None]
    figures |= {"b4_dr_error": max(known) if known else None}
    figures |= {f"b4_dr_error_{policy}": error for policy, error in evaluated.items()}
    figures |= {f"b4_dr_error_mixed_{policy}": error for policy, error in mixed.items()}
    for name, load in (("ml100k", movielens_100k), ("mlsmall", movielens_small)):
        figures |= like_rates(f"b2_{name}", None if quick else load(), seeds[:2])
    for name, score in (("ours", progressive.ours), ("vw", progressive.vowpal_wabbit)):
        scores = {} if quick else score(ratings)
        figures |= {f"b3_{key}_{name}": scores.get(key) for key in ("auc", "log_loss", "within_auc")}
    return figures


def regrets(
    name: str,
    ratings: Ratings,
    seeds: tuple[int, ...],
    *,
    heterogeneity: float,
    warm: bool,
    users: int | None = None,
) -> Figures:
    """Means over the seeds by policy; None for all of them without seeds."""
    worlds = [drifting.world(ratings, heterogeneity=heterogeneity, warm=warm, seed=seed, users=users) for seed in seeds]
    figures: Figures = {}
    for policy, make in POLICIES.items():
        lost = [drifting.regret(make(np.random.default_rng(place.seed), DIMENSION), place) for place in worlds]
        learned = "common_learned" if policy == "common" else policy
        figures |= _means(name, learned, lost)
    return figures | _means(name, "common", [drifting.regret_of_common(place) for place in worlds])


def _means(name: str, policy: str, lost: list[Regret]) -> Figures:
    return {
        f"{name}_regret_{policy}": fmean(each.total for each in lost) if lost else None,
        f"{name}_after_drift_{policy}": fmean(each.after for each in lost) if lost else None,
    }


def like_rates(name: str, ratings: Ratings | None, seeds: tuple[int, ...]) -> Figures:
    """Means over the seeds by policy; `common` shows the film that most like."""
    makers: dict[str, Maker] = {
        **POLICIES,
        "linucb": lambda random, d: Disjoint(random, is_shared=True),
        "common_regression": POLICIES["common"],
        "common": lambda random, d: five.MostLiked(),
    }
    return {
        f"{name}_{policy}": None
        if ratings is None
        else fmean(five.like_rate(make(np.random.default_rng(seed), DIMENSION), ratings, seed) for seed in seeds)
        for policy, make in makers.items()
    }


if __name__ == "__main__":
    main()
