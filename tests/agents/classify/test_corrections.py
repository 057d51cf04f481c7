from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from agents.classify.corrections import MOST, OF_USER, Corrections
from genre_models.encoder import quantise
from schemas.corrections import Correction

NOW = datetime(2026, 11, 24, tzinfo=UTC)
VECTOR = np.eye(384, dtype=np.float32)[3]


def correction(user: str = "ada", days: float = 0, **fields: object) -> Correction:
    known = {
        "user_id": user,
        "genre": "sonnet",
        "embedding": quantise(VECTOR),
        "time": NOW - timedelta(days=days),
    }
    return Correction(**(known | fields))  # type: ignore[arg-type]


@pytest.mark.parametrize(("days", "weight"), [(0, 1.0), (30, 0.5), (60, 0.25)])
def test_a_correction_halves_every_thirty_days(days: float, weight: float) -> None:
    known = Corrections()
    known.apply("ada/sonnet", correction(days=days))
    assert np.linalg.norm(known.nudges(None, NOW)["sonnet"][0]) == pytest.approx(weight, rel=1e-2)


def test_a_tombstone_takes_it_back_and_tenants_do_not_meet() -> None:
    known = Corrections()
    known.apply("ada/sonnet", correction())
    known.apply("acme/bea/sonnet", correction("bea", tenant="acme"))
    assert len(known.nudges("acme", NOW)["sonnet"]) == 1
    known.apply("ada/sonnet", None)
    assert known.nudges(None, NOW) == {}
    assert None not in known.changes


def test_a_change_is_of_one_tenant() -> None:
    known = Corrections()
    known.apply("ada/sonnet", correction())
    known.apply("acme/bea/sonnet", correction("bea", tenant="acme"))
    before = known.changes[None]
    known.apply("acme/bea/sonnet", correction("bea", tenant="acme", days=1))
    assert known.changes[None] == before < known.changes["acme"]
    known.apply("ada/sonnet", None)
    known.apply("ada/sonnet", correction())
    assert known.changes[None] > before  # what was computed before is not taken for it


def test_one_genre_listens_to_the_newest_corrections_only() -> None:
    known = Corrections()
    for number in range(MOST + 50):
        known.apply(f"u{number}/sonnet", correction(f"u{number}", days=number / 100))
    assert len(known.nudges(None, NOW)["sonnet"]) == MOST


def test_what_nobody_says_any_more_is_not_kept() -> None:
    known = Corrections()
    for number in range(3):
        known.apply(f"t{number}/ada/sonnet", correction(tenant=f"t{number}"))
        known.apply(f"t{number}/ada/sonnet", None)
    assert known._known == {}


def weight(known: Corrections, tenant: str | None = None) -> float:
    return float(np.linalg.norm(known.nudges(tenant, NOW)["sonnet"][0]))


def test_what_three_users_of_a_tenant_agree_on_does_not_fade_until_one_takes_it_back() -> None:
    known = Corrections()
    for user in ("ada", "bea"):
        known.apply(f"{user}/sonnet", correction(user, days=60))
    known.apply("acme/cyd/sonnet", correction("cyd", tenant="acme", days=60))
    known.apply("dan/sonnet", correction("dan", embedding=quantise(np.roll(VECTOR, 1)), days=60))
    assert weight(known) == pytest.approx(0.25, rel=1e-2)
    known.apply("eve/sonnet", correction("eve", days=60))
    assert weight(known) == pytest.approx(1.0, rel=1e-2)
    assert weight(known, "acme") == pytest.approx(0.25, rel=1e-2)
    assert np.linalg.norm(known.nudges(None, NOW)["sonnet"][-1]) == pytest.approx(0.25, rel=1e-2)
    known.apply("bea/sonnet", None)
    assert weight(known) == pytest.approx(0.25, rel=1e-2)


def test_what_is_agreed_on_counts_before_what_is_newer() -> None:
    known = Corrections()
    for user in ("ada", "bea", "cyd"):
        known.apply(f"{user}/sonnet", correction(user, days=90))
    directions = np.eye(384, dtype=np.float32)[10:]
    for number in range(MOST):
        newer = correction(f"u{number}", embedding=quantise(directions[number]))
        known.apply(f"u{number}/sonnet", newer)
    rows = known.nudges(None, NOW)["sonnet"]
    assert len(rows) == MOST and (rows[:3, 3] > 0.9).all()


def test_one_user_moves_few_genres_at_a_time() -> None:
    known = Corrections()
    for number in range(OF_USER + 5):
        genre = f"g{number:02}"
        known.apply(f"ada/{genre}", correction(genre=genre, days=number))
    assert sorted(known.nudges(None, NOW)) == [f"g{number:02}" for number in range(OF_USER)]
