"""What tests of the learned score share."""

from __future__ import annotations

import pytest


@pytest.fixture
def two_aside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the toy's two authors one is set aside for the threshold."""
    monkeypatch.setattr("genre_models.safety.fitting.ASIDE", ("two",))
