"""When a version loses against another."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genre_models.adapters.contest import Record, losers, worse

RECORDS = st.builds(Record, st.integers(0, 300), st.integers(0, 300))


def test_a_clearly_worse_version_loses_and_the_best_never() -> None:
    lost = losers({"old": Record(20, 40), "new": Record(45, 15), "young": Record(0, 5)})
    assert list(lost) == ["old"]
    assert lost["old"] > 0.99


@pytest.mark.parametrize("record", [Record(28, 32), Record(0, 29), Record(30, 30)])
def test_what_is_not_proven_stays(record: Record) -> None:
    assert losers({"a": record, "b": Record(32, 28)}) == {}


@given(one=RECORDS, other=RECORDS)
def test_one_is_worse_as_surely_as_the_other_is_better(one: Record, other: Record) -> None:
    assert worse(one, other) + worse(other, one) == pytest.approx(1.0)
    assert worse(one.counting(False), other) >= worse(one, other) - 0.02


@given(records=st.dictionaries(st.text(min_size=1), RECORDS, max_size=5))
def test_somebody_always_stays(records: dict[str, Record]) -> None:
    assert not records or set(losers(records)) < set(records)
