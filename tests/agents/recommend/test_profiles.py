"""Publishing profiles leaves the learner its time."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from agents.recommend import profiles
from agents.recommend.profiles import Profiles
from tests.agents.recommend.conftest import Desk


async def test_publishing_rests_nine_times_as_long_as_it_computes(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    rests: list[float] = []
    published: list[Any] = []
    clock = iter([10.0, 10.5, 20.0, 20.25])
    monkeypatch.setattr("agents.recommend.profiles.time.thread_time", lambda: next(clock))

    async def sleep(seconds: float) -> None:
        rests.append(seconds)
        if len(rests) == 4:
            raise asyncio.CancelledError

    monkeypatch.setattr("agents.recommend.profiles.asyncio.sleep", sleep)

    async def publish(event: Any) -> None:
        published.append(event)

    desk.ledger.due = {"ada": None, "bob": None}
    with pytest.raises(asyncio.CancelledError):
        await desk.profiles.run(publish)
    assert [each.user_id for each in published] == ["ada", "bob"]
    assert rests == [profiles._PERIOD, 4.5, 2.25, profiles._PERIOD]


async def test_one_bad_row_costs_no_other_user_a_profile(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    made, published = profiles.Profiles.profile, list[Any]()

    def failing(self: profiles.Profiles, key: str) -> Any:
        if key == "bob":
            raise OverflowError("the secret words of a user")
        return made(self, key)

    async def publish(event: Any) -> None:
        published.append(event)
        if len(published) == 2:
            raise asyncio.CancelledError

    monkeypatch.setattr(profiles.Profiles, "profile", failing)
    monkeypatch.setattr(profiles, "_PERIOD", 0.0)
    desk.ledger.due = {"ada": None, "bob": None, "cid": None}
    with pytest.raises(asyncio.CancelledError):
        await desk.profiles.run(publish)
    assert [each.user_id for each in published] == ["ada", "cid"]
    assert desk.ledger.counts["profile_failed"] == 1
    assert "secret" not in caplog.text


async def test_a_profile_of_a_user_who_has_moved_is_left_to_their_worker(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(profiles, "_PERIOD", 0.0)
    published: list[Any] = []

    async def publish(event: Any) -> None:
        published.append(event.user_id)

    here = Profiles(
        ledger=desk.ledger,
        registry=desk.registry,
        prior=desk.profiles.prior,
        owns=lambda key: key == "bob",
    )
    desk.ledger.due = {"ada": None, "bob": None}
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(here.run(publish), 0.1)
    assert published == ["bob"]
