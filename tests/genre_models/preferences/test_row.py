"""A row survives packing and nothing else survives unpacking."""

from __future__ import annotations

import zlib
from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genre_models.preferences.features import DIMENSION, DIMENSIONS
from genre_models.preferences.moments import gram, moment, size
from genre_models.preferences.rights import erased, with_consent, with_exploration
from genre_models.preferences.row import DECISIONS, HALF_LIFE, UserRow, is_outdated
from genre_models.preferences.signals import Kind
from schemas.errors import ModelError
from tests.genre_models.preferences.reactions import NOW, learned, signal

u32, u64 = st.integers(0, 2**32 - 1), st.integers(0, 2**64 - 1)
rows = st.builds(
    UserRow,
    sums=st.just(learned([signal(1, Kind.LIKE, 1, 0)]).sums) | st.just(UserRow().sums),
    epoch=st.integers(0, 2**16 - 1),
    last=u32,
    reactions=u32,
    detector=st.tuples(*[st.floats(-1e6, 1e6)] * 4),
    alarms=st.lists(st.integers(1, 2**32 - 1), max_size=8).map(tuple),
    ring=st.integers(0, 40).map(
        lambda n: learned(signal(k + 1, Kind.CLICK, k, 0) for k in range(n)).ring
    ),
    decisions=st.lists(u64, max_size=32, unique=True).map(tuple),
    incarnation=u64,
    marks=st.tuples(*[st.integers(0, 2**63 - 1)] * 4),
    consent=st.none() | st.booleans(),
    opted_out=st.booleans(),
    erased_at=u32,
)


@given(rows)
def test_unpack_undoes_pack(row: UserRow) -> None:
    again = UserRow.unpack(row.pack())
    assert again.pack() == row.pack()
    for each in fields(UserRow):
        assert np.array_equal(getattr(again, each.name), getattr(row, each.name)), each.name


@given(rows, st.data())
def test_a_damaged_row_is_refused(row: UserRow, data: st.DataObject) -> None:
    packed = bytearray(row.pack())
    packed[data.draw(st.integers(0, len(packed) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises(ModelError) as refused:
        UserRow.unpack(bytes(packed))
    assert refused.value.code == "row_corrupt"


@given(st.binary(max_size=400))
def test_garbage_is_refused(data: bytes) -> None:
    with pytest.raises(ModelError, match="start from the prior"):
        UserRow.unpack(data)


@pytest.mark.parametrize("place", [0, DIMENSION, 2 * DIMENSION - 1, -3])
def test_a_well_sealed_row_with_impossible_sums_is_refused(place: int) -> None:
    row = learned([signal(1, Kind.LIKE, 1, 0)])
    sums = row.sums.copy()
    if place < 0:
        row = replace(row, detector=(1.0, float("nan"), 0.0, 0.0))
    else:
        sums[place] = -5
        row = replace(row, sums=sums)
    with pytest.raises(ModelError, match="non-negative diagonal"):
        UserRow.unpack(row.pack())


def test_another_recipe_keeps_all_but_what_its_features_taught() -> None:
    row = replace(learned([signal(1, Kind.LIKE, 1, 0)]), opted_out=True).marked(2, 17, 5)
    packed = bytearray(row.pack())
    packed[2:4] = (999).to_bytes(2, "little")
    packed[-4:] = zlib.crc32(packed[:-4]).to_bytes(4, "little")
    assert is_outdated(bytes(packed)) and not is_outdated(row.pack())
    kept = UserRow.unpack(bytes(packed))
    assert not kept.sums.any() and kept.reactions == 0
    assert kept.is_applied(2, 17, 5) and kept.opted_out and kept.ring["id"].tolist() == [1]


def test_a_row_of_the_first_recipe_keeps_what_it_learned() -> None:
    """What was added since was 0 in all that it learned from."""
    d = DIMENSIONS[1]
    old = np.arange(1, size(d) + 1, dtype="<i4")
    row = replace(UserRow(), sums=np.ones(size(DIMENSION), np.int32), reactions=2, last=NOW)
    new = row.pack()
    at = len(UserRow().pack()) - 4  # the sums follow the header, and nothing else does here
    body = bytearray(new[:at] + old.tobytes())
    body[2:6] = (1).to_bytes(2, "little") + d.to_bytes(2, "little")
    packed = bytes(body) + zlib.crc32(body).to_bytes(4, "little")
    assert not is_outdated(packed)
    again = UserRow.unpack(packed)
    sums = again.sums.astype(np.float64)
    assert np.array_equal(gram(sums)[:d, :d], gram(old.astype(np.float64)))
    assert np.array_equal(moment(sums)[:d], moment(old.astype(np.float64)))
    assert not gram(sums)[d:].any() and not moment(sums)[d:].any()
    assert again.sums[-2:].tolist() == old[-2:].tolist() and again.reactions == 2
    assert UserRow.unpack(again.pack()).pack() == again.pack()


def test_statistics_fit_their_share_of_the_row() -> None:
    """2 kB at d = 25, in proportion to d (d + 1) / 2 beyond."""
    assert 4 * size(25) <= 2048 and 4 * size(48) <= 2048 * (48 * 49) / (25 * 26)
    assert len(UserRow().pack()) < 200


def test_marks_settle_what_was_delivered_before() -> None:
    row = UserRow().marked(0, 41, 7)
    assert row.is_applied(0, 41, 7) and row.is_applied(0, 3, 7)
    assert not row.is_applied(0, 42, 7) and not row.is_applied(1, 41, 7)
    assert not row.is_applied(0, 41, 8), "another cluster's offsets say nothing"
    assert row.marked(0, 12, 7).is_applied(0, 41, 7), "marks never go back"
    assert not row.marked(1, 5, 8).is_applied(0, 41, 8)


def test_only_the_newest_decisions_are_remembered() -> None:
    row = UserRow()
    forgotten: tuple[int, ...] = ()
    for decision in range(DECISIONS + 3):
        row, gone = row.remembering(decision)
        forgotten += gone
    assert forgotten == (0, 1, 2) and len(row.decisions) == DECISIONS
    assert row.remembering(row.decisions[-1]) == (row, ())


def test_erasing_leaves_a_headstone_without_sums() -> None:
    row = with_exploration(with_consent(learned([signal(1, Kind.LIKE, 1, 0)]), True), False).marked(
        0, 9, 3
    )
    row, _ = row.remembering(4)
    gone = erased(row, NOW + 60)
    assert (
        not gone.sums.any() and not len(gone.ring) and gone.decisions == () and gone.reactions == 0
    )
    assert (
        gone.is_applied(0, 9, 3) and gone.consent and gone.opted_out and gone.erased_at == NOW + 60
    )


def test_consent_is_a_setting() -> None:
    asked, agreed, refused = (
        UserRow(),
        with_consent(UserRow(), True),
        with_consent(UserRow(), False),
    )
    assert [row.may_learn(opt_in=True) for row in (asked, agreed, refused)] == [False, True, False]
    assert [row.may_learn(opt_in=False) for row in (asked, agreed, refused)] == [True, True, False]


AHEAD = st.integers(NOW + 2 * 365 * 86_400, 2**32 - 1)


@settings(max_examples=30)
@given(AHEAD, st.integers(0, 3))
def test_what_a_clock_ahead_has_taught_moves_back_to_now(ahead: int, before: int) -> None:
    signals = [signal(k + 1, Kind.LIKE, k, 0) for k in range(before)]
    poisoned = learned([*signals, signal(99, Kind.LIKE, 99, 1, time=ahead)], now=ahead)
    row = UserRow.unpack(poisoned.pack()).until(NOW)
    assert abs(row.last - NOW) < 2 * HALF_LIFE and row.epoch == NOW // HALF_LIFE
    assert 0.4 < row.moments(NOW)[-1] < 2.1
    again = learned([signal(100, Kind.LIKE, 100, 0)], row)
    assert again.moments(NOW)[-1] > row.moments(NOW)[-1] + 0.4
    liked = [signal(k, Kind.LIKE, k, 0) for k in (100, 99)]
    gone = learned([replace(one, kind=Kind.VOID) for one in liked], again)
    assert np.abs(gone.sums).max() <= 1, "the ring says what the sums are"


@given(rows, st.integers(1, 2**32 - 1))
def test_whatever_a_row_says_its_moments_are_finite_and_it_can_be_moved(
    row: UserRow, now: int
) -> None:
    assert np.isfinite(row.moments(now)).all()
    moved = row.until(now)
    assert UserRow.unpack(moved.pack()).consent == row.consent
    assert moved.until(now) is moved


def test_a_row_of_now_or_of_a_clock_that_was_a_little_ahead_stays_as_it_is() -> None:
    row = learned([signal(1, Kind.LIKE, 1, 0)])
    for now in (NOW - 300 * 86_400, NOW, NOW + 4_000 * 86_400):
        assert row.until(now) is row


def test_an_erasure_of_the_far_future_silences_nobody() -> None:
    gone = with_consent(erased(UserRow(), 2**32 - 1), True).until(NOW)
    assert (gone.erased_at, gone.consent) == (NOW, True)


def test_a_mark_that_is_dropped_leaves_the_others() -> None:
    row = UserRow().marked(2, 17, 5).marked(3, 4, 5).unmarked(2)
    assert not row.is_applied(2, 17, 5) and row.is_applied(3, 4, 5)


def test_an_erasure_covers_its_second_and_what_was_before_and_no_row_without_one_does() -> None:
    row = UserRow(erased_at=1_795_000_000)
    assert row.covers(1_795_000_000.9) and row.covers(0.0)
    assert not row.covers(1_795_000_001.0)
    assert not UserRow().covers(0.0) and not UserRow().covers(-1.0)
