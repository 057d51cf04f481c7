"""The detector in a user's row is River's Page-Hinkley, value by value."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from river import drift

from genre_models.preferences.page_hinkley import PageHinkley


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=80), st.integers(0, 60))
def test_it_alarms_where_rivers_does(residuals: list[float], change: int) -> None:
    ours = PageHinkley()
    rivers = drift.PageHinkley(min_instances=8, threshold=1.5, delta=0.1, mode="down")
    for k, residual in enumerate(residuals):
        x = residual / 4 - (0.7 if k >= change else 0.0)
        ours.update(x)
        rivers.update(x)
        assert ours.drift_detected == rivers.drift_detected


def test_it_hears_a_change_within_ten_reactions_and_no_noise() -> None:
    detector = PageHinkley()
    for k in range(60):
        detector.update(0.3 if k % 2 else -0.3)
        assert not detector.drift_detected
    heard = 0
    while not detector.drift_detected and heard < 20:
        detector.update(-0.7)
        heard += 1
    assert heard <= 10
