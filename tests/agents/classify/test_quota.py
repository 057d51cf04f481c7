"""A user's quota: what fits, what comes back with time, and for how many users."""

from __future__ import annotations

import pytest

from agents.classify import quota as quotas
from agents.classify.quota import Quota


class Clock:
    """Seconds that a test moves on."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_quota_is_there_at_once_and_again_within_a_minute() -> None:
    clock = Clock()
    quota = Quota(600, clock)
    assert [quota.takes("ada", 200) for _ in range(4)] == [True, True, True, False]
    assert quota.takes("acme/ada", 600)
    clock.now = 10.0
    assert [quota.takes("ada", 100) for _ in range(2)] == [True, False]
    clock.now = 3600.0
    assert [quota.takes("ada", 300) for _ in range(3)] == [True, True, False]


def test_what_is_refused_does_not_count() -> None:
    quota = Quota(600, Clock())
    assert not quota.takes("ada", 601)
    assert quota.takes("ada", 600)


def test_only_users_of_the_last_minute_are_remembered_and_not_too_many(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = Clock()
    quota = Quota(600, clock)
    monkeypatch.setattr(quotas, "_MOST", 50)
    assert all(quota.takes(f"u{number}", 1) for number in range(200))
    assert len(quota) == 50
    clock.now = 61.0
    assert quota.takes("ada", 1) and len(quota) == 1
