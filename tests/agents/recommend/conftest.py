"""A ledger of dictionaries and what the recommend role builds on it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from agents.genres.registry import Registry
from agents.recommend.learn import Learner, learn
from agents.recommend.ledger import Ledger
from agents.recommend.plan import Planner, plan
from agents.recommend.profiles import Profiles
from agents.recommend.rank import Ranker, rank
from genre_models.preferences.posterior import base_prior
from genre_models.preferences.row import UserRow
from schemas.candidates import Candidate, CandidateSet
from schemas.classified import ClassifiedRequest
from schemas.feedback import Feedback
from schemas.parts import GenreProbability
from schemas.requests import GenerationRequest
from streams.worker.delivery import Delivery
from tests.agents.deliveries import delivered, events, stream

GENRES = (
    GenreProbability(genre="joke", probability=0.5),
    GenreProbability(genre="poetry", probability=0.4),
)


@dataclass(slots=True)
class Desk:
    """The recommend role without Kafka."""

    ledger: Ledger
    profiles: Profiles
    planner: Planner
    ranker: Ranker
    learner: Learner
    registry: Registry


def desk() -> Desk:
    """A new, empty one."""
    registry = Registry()
    ledger = Ledger(users={}, decisions={}, incarnation=7)
    profiles = Profiles(ledger=ledger, registry=registry, prior=lambda tenant: base_prior())
    return Desk(
        ledger,
        profiles,
        Planner(ledger=ledger, profiles=profiles, registry=registry),
        Ranker(ledger=ledger, profiles=profiles),
        Learner(ledger=ledger, registry=registry),
        registry,
    )


@pytest.fixture(name="desk")
def _desk() -> Desk:
    return desk()


def classified(request_id: str = "r1", user: str = "ada", **changes: object) -> ClassifiedRequest:
    """A request as `classify` publishes it, with an hour left."""
    now = datetime.now(UTC)
    known: dict[str, object] = {
        "request_id": request_id,
        "user_id": user,
        "request": GenerationRequest(user_id=user, prompt="something short", request_id=request_id),
        "received": now,
        "deadline": now + timedelta(hours=1),
        "genres": GENRES,
        "embedding": bytes(384),
    }
    return ClassifiedRequest(**(known | changes))  # type: ignore[arg-type]


TEXTS = (
    "A dentist walks into a bar and asks for a filling drink.",
    "The sea is wide, the sea is grey, it sings to me all night and day.",
    "Waves come and go; the gulls complain about the menu.",
    "Why did the whale cross the ocean? To get to the other tide.",
)


def written(request_id: str = "r1", user: str = "ada", **changes: object) -> CandidateSet:
    """A set as `generate` publishes it."""
    candidates = tuple(
        Candidate(
            index=index,
            text=text,
            finish="stop",
            logprob=-2.0,
            tokens=12,
            projection=(0.1,) * 8,
            text_probability=0.5,
        )
        for index, text in enumerate(TEXTS)
    )
    known: dict[str, object] = {"request_id": request_id, "user_id": user, "candidates": candidates}
    return CandidateSet(**(known | changes))  # type: ignore[arg-type]


async def shown(desk: Desk, request_id: str = "r1") -> None:
    await events(plan(stream([delivered(classified(request_id))]), desk.planner))
    await events(rank(stream([delivered(written(request_id))]), desk.ranker))


def reaction(
    kind: str = "like", index: int = 0, *, offset: int = 0, **fields: object
) -> Delivery[Feedback]:
    candidate = (
        None if kind in ("regenerate", "shown", "genre_correction", "retract") else f"r1/{index}"
    )
    known = {"user_id": "ada", "kind": kind, "request_id": "r1", "candidate_id": candidate}
    return delivered(Feedback(**(known | fields)), offset)  # type: ignore[arg-type]


async def learned(desk: Desk, *reactions: Delivery[Feedback]) -> UserRow:
    await events(learn(stream(reactions), desk.learner))
    return desk.ledger.user("ada")


class Changelogged(dict[bytes, bytes]):
    """A table on RocksDB: a row is saved at once, and stands in its changelog after a flush."""

    def __init__(self) -> None:
        super().__init__()
        self.changelog: dict[bytes, bytes] = {}
        self._unsent: list[tuple[bytes, bytes | None]] = []

    def __setitem__(self, key: bytes, row: bytes) -> None:
        super().__setitem__(key, row)
        self._unsent.append((key, row))

    def pop(self, key: bytes, default: Any = None) -> Any:
        """Delete a row; the changelog hears of it in either case, as `LoggedTable` has it."""
        self._unsent.append((key, None))
        return super().pop(key, default)

    def flush(self) -> None:
        """The broker has everything."""
        for key, row in self._unsent:
            if row is None:
                self.changelog.pop(key, None)
            else:
                self.changelog[key] = row
        self._unsent.clear()

    def kill(self) -> None:
        """What the broker does not have is lost to it."""
        self._unsent.clear()


@dataclass(slots=True)
class Disk:
    """A desk whose tables outlive a kill, which comes instead of the flush of that number."""

    users: Changelogged = field(default_factory=Changelogged)
    decisions: Changelogged = field(default_factory=Changelogged)
    flushes: int = 0
    kill_at: int = 0

    def desk(self) -> Desk:
        """The role as it starts on these tables; what is on its way to the changelogs arrives."""
        found = desk()
        found.ledger.users, found.ledger.decisions = self.users, self.decisions
        found.ledger.flush = self._flush
        return found

    async def _flush(self) -> None:
        self.flushes += 1
        if self.flushes == self.kill_at:
            raise asyncio.CancelledError
        self.settle()

    def settle(self) -> None:
        """Both changelogs hold all that was written."""
        self.users.flush()
        self.decisions.flush()

    def holds(self, text: bytes) -> list[str]:
        """Where a text stands."""
        places = {
            "users": self.users,
            "decisions": self.decisions,
            "users-changelog": self.users.changelog,
            "decisions-changelog": self.decisions.changelog,
        }
        return [name for name, rows in places.items() if text in b"".join(rows.values())]
