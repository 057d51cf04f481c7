"""Publishing profiles leaves the learner its time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
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


async def published(desk: Desk, meanwhile: Callable[[], None]) -> list[str]:
    """Whose profiles one period publishes, where something happens during the first."""
    told: list[str] = []

    async def publish(event: Any) -> None:
        told.append(event.user_id)
        meanwhile()

    desk.ledger.due = {"ada": None, "bob": None}
    running = asyncio.create_task(desk.profiles.run(publish))
    await asyncio.sleep(0.2)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    return told


async def test_who_is_erased_while_others_are_told_is_not_told(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(profiles, "_PERIOD", 0.01)
    told = await published(desk, lambda: desk.ledger.due.pop("bob", None))
    assert told == ["ada"]


async def test_whose_partition_another_worker_has_taken_over_is_left_to_it(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(profiles, "_PERIOD", 0.01)
    desk.profiles.owns = lambda key: key == "bob"
    assert await published(desk, lambda: None) == ["bob"]
    assert list(desk.ledger.due) == ["ada"]  # it may come back
