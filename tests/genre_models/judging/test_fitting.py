"""A judge learns what its cases show, and its report says how far."""

from __future__ import annotations

import numpy as np
import pytest

from genre_models.judging.fitting import GOOD, Cases, fitted, report
from genre_models.judging.signs import Answer


def cases(seed: int) -> Cases:
    """Good texts are near their requests and end; bad ones are neither, or refuse."""
    random = np.random.default_rng(seed)
    rows = random.normal(size=(90, 384)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    kinds = [(GOOD, "elsewhere", "refusal")[k % 3] for k in range(90)]
    texts = [
        "I'm sorry, but I can't help with that." if kind == "refusal" else f"The gate {k} is shut."
        for k, kind in enumerate(kinds)
    ]
    meant = np.where(np.array(kinds)[:, None] == "elsewhere", -rows, rows)
    return Cases(
        answers=[Answer(request=f"a line on gate {k}", text=text) for k, text in enumerate(texts)],
        kinds=kinds,
        groups=[str(k // 3) for k in range(90)],
        requests=rows,
        texts=meant,
    )


def test_what_is_learned_holds_for_requests_that_were_not_seen() -> None:
    measured = report(fitted(cases(1)), cases(2))
    areas = measured["auroc"]
    assert isinstance(areas, dict) and min(areas.values()) > 0.95
    assert measured["brier"] < 0.1  # type: ignore[operator]


def test_good_and_bad_weigh_the_same() -> None:
    some = cases(1)
    assert some.weights[some.good].sum() == pytest.approx(some.weights[~some.good].sum())
