"""The laws of learning: order, repeats, corrections, retractions, alarms, clocks, floods."""

from __future__ import annotations

import hashlib
import random
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genre_models.preferences.features import DIMENSION
from genre_models.preferences.learner import damped, decision_of, learn_one, retract_one
from genre_models.preferences.moments import SCALE, size
from genre_models.preferences.row import HALF_LIFE, RING, UserRow
from genre_models.preferences.signals import (
    RULES,
    Kind,
    Scene,
    Signal,
    observe,
    passed_over,
)
from schemas.errors import Rejected
from tests.genre_models.preferences.reactions import (
    NOW,
    applied,
    learned,
    random_shown,
    shown,
    signal,
)

_KINDS = [
    (Kind.RATING, 4.0),
    (Kind.LIKE, None),
    (Kind.DISLIKE, None),
    (Kind.CLICK, None),
    (Kind.DWELL, 12.0),
    (Kind.ACCEPT, None),
    (Kind.COPY, None),
    (Kind.REGENERATE, None),
    (Kind.CHOOSE, None),
    (Kind.SHOWN, None),
    (Kind.GENRE_CORRECTION, None),
]

# Within a half-life everything is exact; the few drift alarms that a stream can raise depend on its
# order, so these streams stay below the eight verdicts that an alarm needs.
_START = NOW // HALF_LIFE * HALF_LIFE
signals_of = st.lists(
    st.builds(
        lambda place, identity, decision, candidate, time: signal(
            identity, _KINDS[place][0], decision, candidate, _KINDS[place][1], _START + time
        ),
        st.integers(0, len(_KINDS) - 1),
        st.integers(1, 2**63),
        st.integers(0, 3),
        st.integers(0, 2),
        st.integers(0, HALF_LIFE - 1),
    ),
    min_size=1,
    max_size=7,
    unique_by=lambda one: one.id,
)


def later(signals: list[Signal]) -> UserRow:
    return learned(signals, now=_START + HALF_LIFE)


@given(signals_of, st.randoms())
def test_any_order_gives_the_same_sums_bit_by_bit(
    signals: list[Signal], dice: random.Random
) -> None:
    assert np.array_equal(later(dice.sample(signals, len(signals))).sums, later(signals).sums)


@given(signals_of, st.randoms())
def test_repeats_change_nothing(signals: list[Signal], dice: random.Random) -> None:
    repeated = signals + dice.choices(signals, k=5)
    assert later(repeated).pack() == later(signals).pack()


# What is said once about each text, and who says it again, with which new id, how much later.
statements = st.lists(
    st.tuples(
        st.sampled_from([kind for kind in _KINDS if kind[0] is not Kind.CHOOSE]),
        st.tuples(st.integers(0, 30), st.integers(0, 2)),
    ),
    min_size=8,
    max_size=40,
    unique_by=lambda one: (one[1], RULES[one[0][0]][0]),
)


@settings(max_examples=50, deadline=None)
@given(statements, st.lists(st.tuples(st.integers(0, 39), st.integers(0, 200)), max_size=120))
def test_what_is_said_again_with_another_id_changes_nothing(
    said: list[tuple[tuple[Kind, float | None], tuple[int, int]]], again: list[tuple[int, int]]
) -> None:
    once = [
        signal(k + 1, kind, decision, candidate, value, _START + 1000 * k)
        for k, ((kind, value), (decision, candidate)) in enumerate(said)
    ]
    repeats = [
        replace(once[k], id=1000 + number, time=once[k].time + 1 + 100 * later_by)
        for number, (k, later_by) in enumerate(again)
        if k < len(once)
    ]
    heard = sorted([*once, *repeats], key=lambda one: one.time)
    alone, row = (learned(each, now=_START + HALF_LIFE) for each in (once, heard))
    assert np.array_equal(row.sums, alone.sums)
    assert (row.detector, row.alarms, row.reactions) == (
        alone.detector,
        alone.alarms,
        alone.reactions,
    )


def disliked_after_likes(*dislikes: Signal) -> UserRow:
    """Twenty likes of other texts, then these."""
    return learned([*(signal(k, Kind.LIKE, k, 0, time=_START) for k in range(1, 21)), *dislikes],
                   now=_START + 100)  # fmt: skip


def test_one_text_is_one_piece_of_evidence_that_a_taste_has_changed() -> None:
    once = disliked_after_likes(signal(100, Kind.DISLIKE, 50, 0, time=_START + 1))
    in_many_words = [
        one
        for k in range(30)
        for one in (
            signal(100 + 2 * k, Kind.RATING, 50, 0, 1.0 + k % 2, _START + k),
            signal(101 + 2 * k, Kind.DISLIKE, 50, 0, None, _START + k),
        )
    ]
    withdrawn = [
        replace(signal(100 + k, Kind.DISLIKE, 50, 0, time=_START + 1), kind=kind)
        for k in range(30)
        for kind in (Kind.DISLIKE, Kind.VOID)
    ]
    too_old = [
        signal(100 + k, Kind.DISLIKE, 50 + k, 0, time=_START - 40 * HALF_LIFE) for k in range(30)
    ]
    assert disliked_after_likes(*in_many_words).alarms == ()
    assert disliked_after_likes(*withdrawn).detector == once.detector
    assert disliked_after_likes(*too_old).detector == disliked_after_likes().detector


def test_of_two_who_say_the_same_one_is_taken_back_and_the_other_stands() -> None:
    first, second = signal(1, Kind.LIKE, 1, 0), signal(2, Kind.LIKE, 1, 0, time=NOW + 9)
    for taken, stays in ((first, second), (second, first)):
        row = learned([first, second, replace(taken, kind=Kind.VOID)], now=NOW + 9)
        assert np.array_equal(row.sums, learned([stays], now=NOW + 9).sums)
        assert row.reactions == 1


def test_a_mind_that_was_changed_back_is_no_repeat() -> None:
    kinds = (Kind.LIKE, Kind.DISLIKE, Kind.LIKE)
    said = [signal(k + 1, kind, 1, 0, time=NOW + k) for k, kind in enumerate(kinds)]
    assert np.array_equal(learned(said).sums, learned(said[2:]).sums)
    late = learned([said[0], said[2], said[1]])
    assert np.array_equal(late.sums, learned(said[2:]).sums)
    assert late.reactions == learned(said).reactions == 3


def test_two_alarms_in_one_second_damp_the_past_once() -> None:
    """Reactions that are imported may all have one time."""
    row = learned([signal(k, Kind.LIKE, k, 0, time=_START) for k in range(1, 21)])
    row = learned((signal(k, Kind.DISLIKE, k, 0, time=_START) for k in range(100, 180)), row)
    assert row.alarms == (_START,)
    row = learned((signal(k, Kind.LIKE, k, 0, time=_START + k) for k in range(200, 206)), row)
    assert row.alarms == (_START,)


@given(signals_of, signals_of, st.randoms())
def test_a_retracted_signal_leaves_no_trace(
    kept: list[Signal], taken: list[Signal], dice: random.Random
) -> None:
    taken = [one for one in taken if one.id not in {other.id for other in kept}][
        : 7 - min(len(kept), 7)
    ]
    retractions = [replace(one, kind=Kind.VOID) for one in taken]
    events = kept + taken + retractions
    row = later(dice.sample(events, len(events)))  # a retraction may come before what it retracts
    assert np.array_equal(row.sums, later(kept).sums)
    assert row.reactions == later(kept).reactions


@given(signals_of, st.integers(1, 5), st.randoms())
def test_across_half_lives_order_costs_at_most_rounding(
    signals: list[Signal], periods: int, dice: random.Random
) -> None:
    spread = [
        replace(one, time=one.time - k % periods * HALF_LIFE) for k, one in enumerate(signals)
    ]
    difference = later(dice.sample(spread, len(spread))).sums - later(spread).sums
    assert np.abs(difference).max() <= len(signals) * periods


def test_the_past_halves_in_a_half_life() -> None:
    row = learned([signal(1, Kind.LIKE, 1, 0, time=_START)], now=_START)
    assert row.moments(_START)[-1] == pytest.approx(1.0, abs=1e-3)
    assert row.moments(_START + HALF_LIFE)[-1] == pytest.approx(0.5, abs=1e-3)
    advanced = learned(
        [signal(2, Kind.GENRE_CORRECTION, 2, 0, time=_START + 2 * HALF_LIFE)],
        row,
        _START + 2 * HALF_LIFE,
    )
    assert advanced.moments(_START + 2 * HALF_LIFE)[-1] == pytest.approx(0.25, abs=1e-3)


def test_a_later_verdict_replaces_the_earlier_one_whatever_their_ids() -> None:
    for first, second in ((1, 2), (2, 1)):
        later_dislike = signal(second, Kind.DISLIKE, 1, 0, time=NOW + 5)
        changed_mind = [signal(first, Kind.LIKE, 1, 0), later_dislike]
        assert np.array_equal(learned(changed_mind).sums, learned([later_dislike]).sums)


def test_a_click_replaces_having_been_passed_over_even_when_that_is_told_later() -> None:
    for click_id, shown_id in ((1, 2), (2, 1)):
        both = [
            signal(click_id, Kind.CLICK, 1, 0),
            signal(shown_id, Kind.SHOWN, 1, 0, time=NOW + 9),
        ]
        assert np.array_equal(learned(both).sums, learned(both[:1]).sums)


def test_a_page_that_was_shown_blames_all_but_the_clicked() -> None:
    page = signal(1, Kind.SHOWN, 1, None)
    assert learned([page]).moments(NOW)[-1] == pytest.approx(
        0.25 * sum(passed_over(k, 0.5) for k in range(3)), abs=1e-3
    )
    clicked = learned([page, signal(2, Kind.CLICK, 1, 1)])
    assert clicked.moments(NOW)[-1] == pytest.approx(
        0.25 * (passed_over(0, 0.5) + 1 + passed_over(2, 0.5)), abs=1e-3
    )


def test_candidates_that_were_dropped_are_no_part_of_a_decision() -> None:
    scene = random_shown(1)
    features = scene.features.copy()
    features[1] = 0
    gap = replace(scene, features=features)
    row = learn_one(UserRow(), signal(1, Kind.REGENERATE, 1, None), gap, NOW).row
    assert row.moments(NOW)[-1] == pytest.approx(0.5 * (1.0 + 0.6), abs=1e-3)
    with pytest.raises(Rejected, match=r"candidates \[0, 2\], got 1"):
        learn_one(UserRow(), signal(1, Kind.LIKE, 1, 1), gap, NOW)
    chosen = learn_one(UserRow(), signal(1, Kind.CHOOSE, 1, 0), gap, NOW).row
    difference = features[0].astype(np.float64) - features[2]
    assert np.allclose(chosen.moments(NOW)[-DIMENSION - 2 : -2], 0.25 * difference, atol=1e-3)


def test_only_one_candidate_is_the_chosen_one() -> None:
    first, second = signal(1, Kind.CHOOSE, 1, 0), signal(2, Kind.CHOOSE, 1, 1, time=NOW + 1)
    assert np.array_equal(learned([first, second]).sums, learned([second]).sums)


def test_a_choice_says_how_the_chosen_differs_from_the_others() -> None:
    row = learned([signal(1, Kind.CHOOSE, 1, 0)])
    phi = random_shown(1).features.astype(np.float64)
    direction = phi[0] - phi[1:].mean(axis=0)
    ratio = row.moments(NOW)[-DIMENSION - 2 : -2] / direction
    assert np.allclose(ratio, ratio[0], rtol=1e-2)


def test_one_candidate_counts_at_most_twice() -> None:
    everything = [signal(k, kind, 1, 0, value) for k, (kind, value) in enumerate(_KINDS, 1)]
    assert learned(everything).moments(NOW)[-1] == pytest.approx(2.0, abs=1e-3)


def test_asking_again_blames_every_candidate_as_far_as_it_was_read() -> None:
    row = learned([signal(1, Kind.REGENERATE, 1, None)])
    assert row.moments(NOW)[-1] == pytest.approx(0.5 * (1.0 + 0.75 + 0.6), abs=1e-3)


def test_a_change_of_taste_is_heard_and_damps_what_came_before() -> None:
    row, alarms = UserRow(), []
    for k in range(40):
        kind = Kind.LIKE if k < 20 else Kind.DISLIKE
        learned_now = applied(row, signal(k + 1, kind, k, 0, time=NOW + k), NOW + k)
        row = learned_now.row
        alarms += [learned_now.alarm] if learned_now.alarm is not None else []
    assert row.alarms == tuple(alarms) and NOW + 20 < alarms[0] <= NOW + 30
    assert row.moments(NOW + 40)[-1] < 25


@given(signals_of)
def test_an_alarm_commutes_with_what_comes_late(signals: list[Signal]) -> None:
    alarm = _START + HALF_LIFE - 1
    after = later(signals)
    before = learned(signals, damped(learned([], None), alarm), _START + HALF_LIFE)
    heard = damped(after, alarm)
    assert np.abs(heard.sums - replace(before, epoch=heard.epoch).sums).max() <= 4 * len(signals)
    assert damped(heard, alarm) is heard


def test_the_future_counts_as_now() -> None:
    ahead = learned([signal(1, Kind.LIKE, 1, 0, time=NOW + 2 * 365 * 86_400)])
    assert np.array_equal(ahead.sums, learned([signal(1, Kind.LIKE, 1, 0, time=NOW)]).sums)


def test_a_flood_stays_within_the_row() -> None:
    row = UserRow()
    for k in range(3000):
        row = applied(row, signal(k + 1, Kind.LIKE, k, k % 3)).row
    assert len(row.ring) == RING and len(row.pack()) < 7_500
    assert row.sums.max() < 2**31 / 8


def test_a_saturated_row_refuses_instead_of_overflowing() -> None:
    row = replace(
        learned([signal(1, Kind.LIKE, 1, 0)]), sums=np.full(size(DIMENSION), 1.94e9, np.int32)
    )
    with pytest.raises(Rejected, match="wait for the past") as refused:
        applied(row, signal(2, Kind.LIKE, 2, 0))
    assert refused.value.code == "preference_saturated"


def test_an_erased_past_stays_erased() -> None:
    headstone = UserRow(erased_at=NOW)
    assert applied(headstone, signal(1, Kind.LIKE, 1, 0, time=NOW - 5)).outcome == "erased"
    assert applied(headstone, signal(1, Kind.LIKE, 1, 0, time=NOW + 5), NOW + 5).row.reactions == 1


def test_what_cannot_be_learned_says_why() -> None:
    with pytest.raises(Rejected, match=r"candidates \[0, 1, 2\], got 7"):
        learn_one(UserRow(), signal(1, Kind.LIKE, 1, 7), random_shown(1), NOW)
    row = learned([signal(1, Kind.LIKE, 1, 0)])
    assert decision_of(row, 1) == 1 and decision_of(row, 2) is None
    with pytest.raises(Rejected, match="another request"):
        retract_one(row, 1, random_shown(2), NOW)


def test_learning_leaves_its_inputs_alone() -> None:
    row = learned([signal(1, Kind.LIKE, 1, 0)])
    packed, scene = row.pack(), shown(2)
    features = scene.features.copy()
    learn_one(row, signal(2, Kind.DISLIKE, 2, 1), scene, NOW)
    assert row.pack() == packed and np.array_equal(scene.features, features)


def test_one_like_is_one_reaction_of_its_text() -> None:
    row = learned([signal(1, Kind.LIKE, 1, 0, time=NOW)])
    phi = random_shown(1).features[0].astype(np.float64)
    assert np.allclose(row.moments(NOW)[-DIMENSION - 2 : -2], phi, atol=2 / SCALE)


def test_rows_are_the_bytes_that_they_always_were() -> None:
    """Rows outlive the code that wrote them: the same 200 signals give the same record.

    Who changes what is learned changes these figures: on purpose, and nowhere else.
    """
    dice = random.Random(11)
    kinds = [*_KINDS, (Kind.EDIT, "A text, changed."), (Kind.HISTORY, 0.7), (Kind.VOID, None)]
    row, alarms = UserRow(), 0
    for k in range(200):
        kind, value = dice.choice(kinds)
        number = 1 + dice.randrange(k + 1)  # often one that came before: corrected or retracted
        now = _START + k * HALF_LIFE // 60
        weight, target = (0.0, 0.0) if kind is Kind.VOID else observe(kind, value, Scene())
        one = Signal(
            id=number if kind is Kind.VOID else k + 1,
            decision=number // 3,
            candidate=None if kind in (Kind.SHOWN, Kind.REGENERATE) else k % 3,
            kind=kind,
            time=now - dice.randrange(HALF_LIFE),
            weight=weight,
            target=target,
        )
        known = decision_of(row, one.id) if kind is Kind.VOID else None
        learned_now = applied(row, one if known is None else replace(one, decision=known), now)
        row, alarms = learned_now.row, alarms + (learned_now.alarm is not None)
    assert (alarms, row.reactions, row.epoch - _START // HALF_LIFE) == (2, 166, 3)
    assert hashlib.sha256(row.pack()).hexdigest() == (
        "bcf61ba64d46e1e83dc0323a3aa4e40220b8e2616acd5b7a036f28ca46059549"
    )
