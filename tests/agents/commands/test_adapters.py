"""Which version a rollback takes away and which it brings back."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from agents.commands.adapters import _two
from schemas.adapters import Lineage
from schemas.errors import Rejected
from tests.agents.genres.test_registry import HAIKU, NOW, registry

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
    assert _two(registry(gone, SECOND, THIRD), "haiku") == (THIRD, gone)


def test_without_a_parent_the_version_that_stands_is_enough() -> None:
    assert _two(registry(FIRST, SECOND), "haiku") == (SECOND, FIRST)
    withdrawn = replace(FIRST, kind="withdrawn")
    assert _two(registry(withdrawn, SECOND), "haiku") == (SECOND, withdrawn)


def test_one_version_alone_is_not_rolled_back() -> None:
    with pytest.raises(Rejected, match="two versions") as refused:
        _two(registry(FIRST), "haiku")
    assert refused.value.code == "no_version_before"
