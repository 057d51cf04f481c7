"""How GENRE is running: topics and roles with rate, lag, latency and age; what is wrong with it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from streams.clients.standing import Group, Standing, standing
from streams.gateway.meter import WHOLE, Delay, Meter
from streams.settings import Settings
from streams.wire.roles import ROLES, Role
from streams.wire.topics import TOPICS

_PAUSE = 1.5  # seconds between two questions to Kafka, whoever asks
_WITHIN = 10.0  # seconds that Kafka may take
_STANDS = 30.0  # seconds without a commit, though something waits: workers commit every second
_OLD = 60.0  # seconds after which what waits is late: as long as a request may take


@dataclass(slots=True)
class Noted:
    """What is remembered of one role between two looks."""

    members: frozenset[str] = frozenset()
    joined: int = 0
    moved: dict[str, float] = field(default_factory=dict)
    """When the group last moved on a topic, or had read it."""


class Traffic:
    """Snapshots for whoever watches; they share the questions to Kafka."""

    def __init__(self, settings: Settings, meter: Meter) -> None:
        self._settings = settings
        self._meter = meter
        self._asking = asyncio.Lock()
        self._at = 0.0
        self._standing: Standing | None = None
        self._told: dict[str, Any] = {}
        self._noted = {name: Noted() for name in _GROUPS}

    async def now(self) -> dict[str, Any]:
        """How everything stands. Raises what the broker raises, and TimeoutError."""
        self._meter.watch()
        async with asyncio.timeout(_WITHIN), self._asking:
            if time.time() - self._at >= _PAUSE:
                found = await standing(self._settings, *self._questions())
                self._tell(found, time.time())
            return self._told

    def _questions(self) -> tuple[list[str], dict[str, list[str]]]:
        full = self._settings.topic
        topics = [full(name) for each in TOPICS for name in (each.name, each.dead_letters)]
        groups = {full(role.name): list(map(full, role.reads)) for role in _GROUPS.values()}
        return topics, groups

    def _tell(self, found: Standing, now: float) -> None:
        before, seconds = self._standing, now - self._at
        moved, delays = _Moved(self._settings, before, found, seconds), self._meter.delays()
        roles: list[dict[str, Any]] = []
        for role in _GROUPS.values():
            group = found.groups[self._settings.topic(role.name)]
            self._note(role, group, moved, now)
            roles += self._role(role, group, moved, delays, now)
        self._told = {
            "time": now,
            "tokens_per_second": self._meter.tokens_per_second(),
            "latency": _delay(delays.get(WHOLE)),
            "topics": [_topic(each.name, each.dead_letters, moved) for each in TOPICS],
            "roles": roles,
            "alarms": list(_alarms(roles)),
        }
        self._standing, self._at = found, now

    def _note(self, role: Role, group: Group, moved: _Moved, now: float) -> None:
        noted = self._noted[role.name]
        if moved.before is not None:
            noted.joined += len(group.members - noted.members)
        noted.members = group.members
        for topic in role.reads:
            full = self._settings.topic(topic)
            if moved.position(self._settings.topic(role.name), full) or not group.lag(
                full, moved.after.ends
            ):
                noted.moved[topic] = now

    def _role(
        self, role: Role, group: Group, moved: _Moved, delays: Mapping[str, Delay], now: float
    ) -> Iterator[Any]:
        noted = self._noted[role.name]
        for agent in role.agents:
            full = self._settings.topic(agent.reads)
            oldest = [at for place, at in group.waiting.items() if place[0] == full]
            age = max(0.0, now - min(oldest)) if oldest else None
            still = now - noted.moved.setdefault(agent.reads, now)
            yield {
                "role": role.name,
                "agent": agent.name,
                "reads": agent.reads,
                "workers": len(group.members),
                "joined": noted.joined,
                "rate": moved.rate(moved.position(self._settings.topic(role.name), full)),
                "lag": group.lag(full, moved.after.ends),
                "age": age,
                # Between two looks it may have had nothing to do for long.
                "stands": min(still, age or 0.0),
                "latency": _delay(delays.get(agent.reads)),
            }


_GROUPS = {name: role for name, role in ROLES.items() if role.agents}


@dataclass(frozen=True, slots=True)
class _Moved:
    """What has changed between two looks; nothing at the first."""

    settings: Settings
    before: Standing | None
    after: Standing
    seconds: float

    def written(self, topic: str) -> int | None:
        """How many records came to a topic."""
        if self.before is None:
            return None
        ends, former = self.after.ends, self.before.ends
        return sum(ends[place] - former[place] for place in ends if place[0] == topic)

    def position(self, group: str, topic: str) -> int | None:
        """How many records of a topic a group has committed."""
        if self.before is None:
            return None
        now, former = self.after.groups[group].positions, self.before.groups[group].positions
        return sum(at - former[place] for place, at in now.items() if place[0] == topic)

    def rate(self, count: int | None) -> float | None:
        """So many in a second; None at the first look."""
        return None if count is None else max(0.0, count / self.seconds)


def _topic(name: str, letters: str, moved: _Moved) -> dict[str, Any]:
    full, ends, begins = moved.settings.topic(name), moved.after.ends, moved.after.begins
    dead = moved.settings.topic(letters)
    return {
        "topic": name,
        "rate": moved.rate(moved.written(full)),
        "written": sum(at for place, at in ends.items() if place[0] == full),
        "kept": sum(at - begins[place] for place, at in ends.items() if place[0] == full),
        "new_letters": moved.written(dead),
    }


def _alarms(roles: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """What an operator should look at, with a stable code and the numbers behind it."""
    alone = {each["role"] for each in roles if not each["workers"]}
    for role in sorted(alone):
        yield {
            "code": "no_worker",
            "role": role,
            "message": f"No worker of {role} runs; `genre worker {role}` starts one.",
        }
    for each in roles:
        if each["role"] in alone:
            continue
        where = {"role": each["role"], "topic": each["reads"], "lag": each["lag"]}
        if each["lag"] and each["stands"] >= _STANDS:
            yield where | {
                "code": "stands",
                "seconds": each["stands"],
                "message": f"{each['agent']} has not moved for {each['stands']:.0f} s, and "
                f"{each['lag']} wait; the worker's log says why.",
            }
        elif (each["age"] or 0.0) >= _OLD:
            yield where | {
                "code": "behind",
                "seconds": each["age"],
                "message": f"What {each['agent']} reads waits for {each['age']:.0f} s; "
                f"start more workers of {each['role']}.",
            }


def _delay(delay: Delay | None) -> Mapping[str, float] | None:
    return None if delay is None else delay._asdict()
