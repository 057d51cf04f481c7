"""Quality is bounded, prefers what reads well, and likeness is symmetric."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genre_models.text_quality import quality, shingles, similarity

GOOD = "The river hums beneath the dusk, and carries all our names away."


@given(
    st.text(max_size=200), st.none() | st.floats(-60, 0), st.none() | st.floats(0, 1), st.booleans()
)
def test_quality_is_bounded(
    text: str, score: float | None, probability: float | None, is_cut: bool
) -> None:
    assert 0 <= quality(text, score, probability, is_cut) <= 1


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        (quality(GOOD), quality("the river the river " * 20)),
        (quality(GOOD), quality("Yes.")),
        (quality(GOOD, model_score=-1.5), quality(GOOD, model_score=-4.0)),
        (quality(GOOD, text_probability=0.9), quality(GOOD, text_probability=0.2)),
        (quality(GOOD, judged=0.9), quality(GOOD, judged=0.3)),
        (quality(GOOD[:-6], is_cut=False), quality(GOOD[:-6], is_cut=True)),
    ],
)
def test_what_reads_better_counts_more(better: float, worse: float) -> None:
    assert better > worse + 0.03


@given(st.text(max_size=60), st.text(max_size=60))
def test_likeness_is_symmetric_and_complete_with_itself(one: str, other: str) -> None:
    left, right = shingles(one), shingles(other)
    assert similarity(left, right) == similarity(right, left) <= similarity(left, left) == 1.0
