"""Which version a rollback takes away, and which comes back."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from agents.genres.versions import rolled_back, two
from schemas.adapters import Lineage
from schemas.errors import Rejected
from tests.agents.genres.test_registry import HAIKU, NOW

FIRST = HAIKU
SECOND = replace(HAIKU, name="haiku@000000000002", time=NOW + timedelta(hours=2))
THIRD = replace(
    HAIKU,
    name="haiku@000000000003",
    time=NOW + timedelta(hours=3),
    lineage=Lineage(parent=FIRST.name),
)


def test_the_newest_goes_and_its_parent_comes_back() -> None:
    gone = replace(FIRST, kind="withdrawn")
    assert two([gone, SECOND, THIRD], "haiku") == (THIRD, gone)


def test_without_a_parent_the_version_that_stands_is_enough() -> None:
    assert two([FIRST, SECOND], "haiku") == (SECOND, FIRST)
    withdrawn = replace(FIRST, kind="withdrawn")
    assert two([withdrawn, SECOND], "haiku") == (SECOND, withdrawn)


def test_one_version_alone_is_not_rolled_back() -> None:
    with pytest.raises(Rejected, match="two versions") as refused:
        two([FIRST], "haiku")
    assert refused.value.code == "no_version_before"


def test_what_is_used_then_comes_first() -> None:
    gone = replace(FIRST, kind="withdrawn", reason="old")
    back, away = rolled_back([gone, SECOND], "haiku", "worse")
    assert (back.name, back.kind, back.reason) == (FIRST.name, "published", None)
    assert (away.name, away.kind, away.reason) == (SECOND.name, "withdrawn", "worse")
    (away,) = rolled_back([FIRST, SECOND], "haiku", "x" * 3000)
    assert away.name == SECOND.name and len(away.reason or "") == 2000
