"""A ledger of dictionaries and what the recommend role builds on it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

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


@dataclass(frozen=True, slots=True)
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
