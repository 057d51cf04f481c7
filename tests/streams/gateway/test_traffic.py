"""Rates between two looks, what waits, who joined, and what an operator should look at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from streams.clients.standing import Group, Standing
from streams.gateway import traffic
from streams.gateway.meter import Meter
from streams.gateway.traffic import Traffic
from streams.settings import Settings
from streams.wire.roles import ROLES
from streams.wire.topics import TOPICS

SETTINGS = Settings(partitions=1)
NOW = 1_772_582_400.0


def at(
    ends: dict[str, int] | None = None,
    positions: dict[str, int] | None = None,
    since: dict[str, float] | None = None,
    members: dict[str, Sequence[str]] | None = None,
) -> Standing:
    """Everything empty and with one worker each, but for what is given, by short names."""
    ends, positions, since, members = ends or {}, positions or {}, since or {}, members or {}
    full = SETTINGS.topic
    names = [name for each in TOPICS for name in (each.name, each.dead_letters)]
    return Standing(
        begins={(full(name), 0): 0 for name in names},
        ends={(full(name), 0): ends.get(name, 0) for name in names},
        groups={
            full(role.name): Group(
                members=frozenset(members.get(role.name, [role.name])),
                positions={
                    (full(name), 0): positions.get(name, ends.get(name, 0)) for name in role.reads
                },
                waiting={(full(name), 0): since[name] for name in role.reads if name in since},
            )
            for role in ROLES.values()
            if role.agents
        },
    )


def told(*looks: tuple[float, Standing]) -> dict[str, Any]:
    """What is told at the last of these looks."""
    watched = Traffic(SETTINGS, Meter())
    for seconds, standing in looks:
        watched._tell(standing, NOW + seconds)
    return watched._told


def test_rates_are_of_what_changed_between_two_looks() -> None:
    before = at({"requests": 10, "requests.dlq": 1}, {"requests": 4}, {"requests": NOW - 9})
    first = told((0, before))
    assert {each["rate"] for each in first["topics"]} == {None}
    after = at({"requests": 30, "requests.dlq": 4}, {"requests": 14}, {"requests": NOW - 3})
    second = told((0, before), (2, after))
    (requests,) = [each for each in second["topics"] if each["topic"] == "requests"]
    assert requests == {
        "topic": "requests",
        "rate": 10.0,
        "written": 30,
        "kept": 30,
        "new_letters": 3,
    }
    (classify,) = [each for each in second["roles"] if each["agent"] == "classify"]
    assert (classify["rate"], classify["lag"], classify["age"]) == (5.0, 16, 5.0)
    assert second["alarms"] == []


def test_a_worker_that_came_new_is_counted() -> None:
    looks = [(n, at(members={"train": [f"member-{n}"]})) for n in range(3)]
    (train, _) = [each for each in told(*looks)["roles"] if each["role"] == "train"]
    assert (train["workers"], train["joined"]) == (1, 2)


def test_what_stands_is_behind_or_has_no_worker_is_told() -> None:
    waits = {"requests": NOW - 5, "feedback": NOW - 300}
    stuck = at({"requests": 4, "feedback": 9}, {"requests": 1, "feedback": 1}, waits)
    moves = at({"requests": 4, "feedback": 9}, {"requests": 1, "feedback": 5}, waits)
    alone = at(members={"generate": []})
    alarms = told((0, stuck), (40, moves))["alarms"]
    assert [(each["code"], each["topic"]) for each in alarms] == [
        ("stands", "requests"),
        ("behind", "feedback"),
    ]
    assert told((0, alone))["alarms"][0]["code"] == "no_worker"
    # An hour in which nobody looked and nothing came is no standstill.
    fresh = at({"requests": 1}, {"requests": 0}, {"requests": NOW + 3599})
    assert told((0, at()), (3600, fresh))["alarms"] == []


async def test_who_asks_at_the_same_time_shares_one_look(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = 0

    async def standing(*_: Any) -> Standing:
        nonlocal looks
        looks += 1
        return at()

    monkeypatch.setattr(traffic, "standing", standing)
    watched = Traffic(SETTINGS, Meter())
    assert await watched.now() == await watched.now()
    assert looks == 1
