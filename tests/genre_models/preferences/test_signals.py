"""Every kind of feedback says something definite, within bounds, or says why it cannot."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genre_models.preferences.signals import (
    KINDS,
    RULES,
    Kind,
    Scene,
    edit_distance,
    examination,
    observe,
    passed_over,
)
from schemas.errors import Rejected
from schemas.feedback import FeedbackKind

VALUES: dict[Kind, float | str] = {
    Kind.RATING: 4,
    Kind.DWELL: 10,
    Kind.EDIT: "a new text",
    Kind.HISTORY: 0.7,
}


def test_every_kind_of_the_schema_is_known() -> None:
    assert set(FeedbackKind.__args__) - {"retract"} == set(KINDS)  # type: ignore[attr-defined]
    assert set(RULES) == set(KINDS.values())


@given(st.sampled_from(list(RULES)), st.integers(0, 600), st.text(max_size=80))
def test_an_observation_is_bounded(kind: Kind, words: int, text: str) -> None:
    scene = Scene(words=words, text=text)
    weight, target = observe(kind, VALUES.get(kind), scene)
    assert 0 <= weight <= 1 and 0 <= target <= 1


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        ((Kind.LIKE, None), (Kind.ACCEPT, None)),
        ((Kind.ACCEPT, None), (Kind.REGENERATE, None)),
        ((Kind.REGENERATE, None), (Kind.DISLIKE, None)),
        ((Kind.RATING, 5), (Kind.RATING, 4)),
        ((Kind.RATING, 2), (Kind.RATING, 1)),
        ((Kind.DWELL, 20), (Kind.DWELL, 3)),
        ((Kind.EDIT, "one two three four"), (Kind.EDIT, "seven eight nine")),
        ((Kind.CLICK, None), (Kind.SHOWN, None)),
    ],
)
def test_what_pleases_more_aims_higher(
    better: tuple[Kind, float | str | None], worse: tuple[Kind, float | str | None]
) -> None:
    scene = Scene(text="one two three five")
    assert observe(*better, scene)[1] > observe(*worse, scene)[1]


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (Kind.RATING, 7),
        (Kind.RATING, 0.5),
        (Kind.RATING, None),
        (Kind.RATING, True),
        (Kind.RATING, "5"),
        (Kind.DWELL, -1),
        (Kind.DWELL, float("nan")),
        (Kind.HISTORY, 1.5),
        (Kind.EDIT, None),
    ],
)
def test_an_impossible_value_is_refused(kind: Kind, value: float | str | None) -> None:
    with pytest.raises(Rejected, match=kind.name.lower()) as refused:
        observe(kind, value, Scene())
    assert refused.value.code == "invalid_value"


@pytest.mark.parametrize("seconds", [0.4, 5000])
def test_nobody_reads_that_fast_or_that_long(seconds: float) -> None:
    assert observe(Kind.DWELL, seconds, Scene(words=40))[0] == 0


def test_being_passed_over_weighs_less_further_down_and_when_it_was_promising() -> None:
    weights = [passed_over(k, 0.5) for k in range(9)]
    assert weights == sorted(weights, reverse=True) and weights[0] == 1.0
    assert passed_over(3, 0.9) < weights[3]
    assert [examination(k) for k in range(9)] == sorted(
        (examination(k) for k in range(9)), reverse=True
    )


@given(st.lists(st.sampled_from("abc"), max_size=12), st.lists(st.sampled_from("abc"), max_size=12))
def test_edit_distance_is_a_distance(one: list[str], other: list[str]) -> None:
    left, right = " ".join(one), " ".join(other)
    assert edit_distance(left, right) == edit_distance(right, left)
    assert (edit_distance(left, right) == 0) == (one == other)
    assert 0 <= edit_distance(left, right) <= 1


def test_a_huge_edit_does_not_stall_the_worker() -> None:
    started = time.process_time()
    edit_distance("a " * 30_000, "b " * 30_000)
    assert time.process_time() - started < 1
