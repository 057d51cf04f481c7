from __future__ import annotations

import pytest

from benchmarks.classifier.measures import calibration, separation, share


def test_a_share_has_an_interval() -> None:
    told = share([True] * 80 + [False] * 20)
    assert told["value"] == pytest.approx(0.8) and told["n"] == 100
    low, high = told["interval"]  # type: ignore[misc]
    assert 0.68 < low < 0.76 < 0.84 < high < 0.9


def test_confidence_that_is_kept_has_no_error() -> None:
    assert calibration([0.75] * 4, [True, True, True, False])["value"] == pytest.approx(0.0)
    assert calibration([1.0] * 4, [True, True, False, False])["value"] == pytest.approx(0.5)


def test_what_lies_apart_is_told_apart() -> None:
    assert separation([0.9, 0.8], [0.1, 0.2])["value"] == 1.0
    assert separation([0.9, 0.1], [0.9, 0.1])["value"] == 0.5
