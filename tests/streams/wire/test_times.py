"""What is dated by a clock that is ahead, or that was never set, counts as of its record, or as of
now."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.feedback import Feedback
from schemas.requests import Cancel
from streams.wire.source import Source
from streams.wire.times import TOLERANCE, dated, dated_now, is_misdated
from streams.wire.topics import BY_NAME

NOW = 1_795_000_000.0
LIKE = Feedback(user_id="ada", kind="like", request_id="r", candidate_id="r/0")
SOURCE = Source(
    topic="genre.feedback", partition=0, offset=0, timestamp=NOW, key=b"ada", value=b"{}"
)


@pytest.mark.parametrize(
    ("timestamp", "wrong"),
    [
        (NOW, False),
        (NOW + TOLERANCE, False),
        (NOW - 365 * 86_400, False),
        (NOW + TOLERANCE + 1, True),
        (0.0, True),
        (-0.001, True),
        (NOW / 1000, True),
        (NOW * 1000, True),
        (9.2e15, True),
    ],
)
def test_a_time_is_believed_up_to_a_minute_ahead(timestamp: float, wrong: bool) -> None:
    source = replace(SOURCE, timestamp=timestamp)
    assert is_misdated(source, BY_NAME["feedback"], NOW) is wrong
    assert not is_misdated(replace(source, is_appended=True), BY_NAME["feedback"], NOW)
    assert not is_misdated(source, BY_NAME["candidates"], NOW), "workers write these"


MOMENTS = st.datetimes(timezones=st.just(UTC)) | st.sampled_from(
    [
        datetime.fromisoformat(text)
        for text in ("0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59.999999-23:59")
    ]
)


@given(MOMENTS, st.floats(1.5e9, 2e11))
def test_what_happened_happened_before_its_record(named: datetime, latest: float) -> None:
    after = dated(replace(LIKE, time=named), latest).time
    assert after is not None and 0 < after.timestamp() <= latest + TOLERANCE
    if 0 < named.timestamp() <= latest:
        assert after == named


@pytest.mark.parametrize("latest", [-1.0, 0.0, 1e6, 1e12, 9.2e15])
def test_a_record_without_a_time_of_its_own_changes_nothing(latest: float) -> None:
    said = replace(LIKE, time=datetime.fromtimestamp(NOW, UTC))
    assert dated(said, latest) is said


def test_an_event_without_a_time_is_left_alone() -> None:
    assert dated(LIKE, NOW) is LIKE
    cancel = Cancel(request_id="r", user_id="ada")
    assert dated(cancel, NOW) is cancel
    assert dated(None, NOW) is None


@pytest.mark.parametrize("timestamp", [time.time() + 1e9, 9.2e15, 0.0, -0.001, time.time() - 9])
def test_a_record_of_no_time_or_of_the_future_dates_nothing_beyond_now(timestamp: float) -> None:
    far = replace(LIKE, time=datetime.now(UTC) + timedelta(days=900))
    after = dated_now(far, replace(SOURCE, timestamp=timestamp)).time
    assert after is not None and after <= datetime.now(UTC)
