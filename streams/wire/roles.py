"""Every role as data: what its agents read and write, what it follows, which tables it keeps.

Whatever knows about roles reads this: what may be bound, followed and written, access rights, the
AsyncAPI document, the command line, the picture in ARCHITECTURE.md. Topics go by their short names.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeVar

from schemas.errors import NotReady

E = TypeVar("E")


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    """One actor of a role: it reads one topic in order, and writes what it makes of each event."""

    name: str
    reads: str
    writes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Timer:
    """What a role publishes beside its events: now and then, or once at start."""

    name: str
    writes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """One kind of worker; one with agents is a Faust app with a consumer group of its own.

    `follows` names the topics that every worker of the role reads as a whole, without a group. A
    role without agents is a door for people: it `relays` what they send, and `shows` from the
    topics' present ends what becomes of it.
    """

    name: str
    agents: tuple[Agent, ...]
    timers: tuple[Timer, ...] = ()
    follows: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()
    relays: tuple[str, ...] = ()
    shows: tuple[str, ...] = ()

    @property
    def reads(self) -> tuple[str, ...]:
        """The topics that the role's consumer group reads."""
        return tuple(agent.reads for agent in self.agents)

    @property
    def writes(self) -> tuple[str, ...]:
        """The topics that the role publishes on, each once."""
        by_agents = (topic for agent in self.agents for topic in agent.writes)
        by_timers = (topic for timer in self.timers for topic in timer.writes)
        return tuple(dict.fromkeys((*by_agents, *by_timers)))

    def agent(self, name: str) -> Agent:
        """The agent of that name. Raises NotReady (undeclared)."""
        return self._declared(name, {agent.name: agent for agent in self.agents})

    def timer(self, name: str) -> Timer:
        """The timer of that name. Raises NotReady (undeclared)."""
        return self._declared(name, {timer.name: timer for timer in self.timers})

    def check(self, what: str, topic: str, declared: Collection[str]) -> None:
        """Raises NotReady (undeclared) for a topic or table that is not among those declared."""
        if topic not in declared:
            known = ", ".join(declared) or "nothing"
            raise NotReady(
                "undeclared",
                f"Expected the role {self.name} to {what} {known}, got {topic}; "
                "streams/wire/roles.py declares it.",
            )

    def _declared(self, name: str, known: Mapping[str, E]) -> E:
        self.check("run", name, known)
        return known[name]


_ROLES: tuple[Role, ...] = (
    Role(
        name="classify",
        agents=(Agent(name="classify", reads="requests", writes=("classified",)),),
        follows=("adapters", "corrections"),
    ),
    Role(
        name="recommend",
        agents=(
            Agent(name="plan", reads="classified", writes=("generations", "candidates")),
            Agent(name="rank", reads="candidates", writes=("recommendations", "decisions")),
            Agent(name="learn", reads="feedback", writes=("corrections", "training")),
            Agent(name="rights", reads="users", writes=("preferences", "corrections")),
        ),
        timers=(
            Timer(name="deadlines", writes=("candidates",)),
            Timer(name="profiles", writes=("preferences",)),
            Timer(name="populations", writes=("population",)),
        ),
        follows=("adapters", "population"),
        tables=("preferences", "decisions"),
    ),
    Role(
        name="generate",
        agents=(Agent(name="generate", reads="generations", writes=("candidates", "progress")),),
        timers=(Timer(name="announce", writes=("adapters",)),),
        follows=("adapters", "cancellations"),
    ),
    Role(
        name="train",
        agents=(
            Agent(name="train", reads="training", writes=("progress",)),
            Agent(name="forget", reads="users", writes=("adapters",)),
        ),
        timers=(Timer(name="workshop", writes=("progress", "adapters")),),
        follows=("adapters",),
    ),
    Role(
        name="gateway",
        agents=(),
        follows=("adapters",),
        relays=("requests", "cancellations", "feedback", "users", "training", "adapters"),
        shows=(
            "classified",
            "generations",
            "progress",
            "candidates",
            "recommendations",
            "preferences",
            "feedback",
            "users",
        ),
    ),
)

ROLES: Mapping[str, Role] = MappingProxyType({role.name: role for role in _ROLES})


def first_reader(topic: str) -> str | None:
    """Of the roles that read a topic, the one that vouches for its records."""
    return next((role.name for role in _ROLES if topic in role.reads), None)
