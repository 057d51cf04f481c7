"""Who writes the texts: the base model, an adapter, and the product itself, all without Kafka."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from time import time
from typing import Any

from agents.classify.classify import LONGEST_DEADLINE, accepted
from agents.generate.generate import Writer, generate
from agents.genres.registry import Registry
from agents.recommend.ledger import Ledger
from agents.recommend.plan import Planner
from agents.recommend.profiles import Profiles
from agents.recommend.rank import Ranker
from benchmarks.texts.wanted import SEED, Wanted
from genre_models.endings import ended
from genre_models.engine import Engine, Generation, chat_prompt, written
from genre_models.preferences.posterior import base_prior
from genre_models.sampling import resolved
from genre_models.taxonomy import Taxonomy
from schemas.candidates import CandidateSet
from schemas.generations import GenerationTask
from schemas.parts import SamplingParameters
from schemas.requests import GenerationRequest
from streams.settings import Settings
from streams.wire.codecs import encode
from streams.wire.source import Source
from streams.wire.topics import BY_EVENT
from streams.worker import delivery
from streams.worker.delivery import Delivery

_NOTHING_ASKED = SamplingParameters()


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A text as a user gets it; empty where there is none, and `failure` says why."""

    text: str = ""
    broken_off: bool = False
    failure: str | None = None


def plainly(
    engine: Engine, wanted: Sequence[Wanted], adapters: Mapping[str, str] | None = None
) -> list[Shown]:
    """One text a request, by the base model or the genre's adapter: what `genre generate` does."""
    genres = [Taxonomy.load().genres[each.genre] for each in wanted]
    rows = [
        Generation(
            id=str(number),
            prompt=chat_prompt(instruction=genre.instruction, request=each.request),
            adapter=(adapters or {}).get(genre.id),
            ending=genre.ending,
            seed=SEED + number,
            stream=False,
        ).sampled(resolved(_NOTHING_ASKED, genre.sampling))
        for number, (genre, each) in enumerate(zip(genres, wanted, strict=True))
    ]
    shown = []
    for end, genre in zip(written(engine, rows), genres, strict=True):
        text = ended(end.text, genre.ending, is_cut=end.reason == "length")
        shown.append(Shown(text=text.text.strip(), broken_off=text.broken_off, failure=end.code))
    return shown


class Product:
    """What strangers get from GENRE: plan, generate and rank, with the writer that generate has."""

    def __init__(self, settings: Settings, writer: Writer, registry: Registry) -> None:
        ledger = Ledger(users={}, decisions={}, incarnation=SEED)
        profiles = Profiles(ledger=ledger, registry=registry, prior=lambda tenant: base_prior())
        self._planner = Planner(
            ledger=ledger, profiles=profiles, registry=registry, exploration=settings.exploration
        )
        self._ranker = Ranker(
            ledger=ledger,
            profiles=profiles,
            exploration=settings.exploration,
            evaluated=settings.evaluation_share,
        )
        self._writer = writer
        self._offsets = count()

    async def write(self, wanted: Sequence[Wanted], in_flight: int) -> list[Shown]:
        """The text on top for each request; at most so many are written at a time."""
        turn, shown = asyncio.Semaphore(in_flight), dict[int, Shown]()

        async def tasks() -> AsyncIterator[Delivery[GenerationTask]]:
            for number, each in enumerate(wanted):
                await turn.acquire()
                classified = self._delivered(accepted(self._asked(number, each), ()))
                opened = self._planner.open(classified)
                if isinstance(opened, GenerationTask):
                    yield self._delivered(opened)
                else:
                    failure = opened.failure if opened else None
                    shown[number] = Shown(failure=failure.code if failure else "not_planned")
                    turn.release()

        async for output in generate(tasks(), self._writer):
            if isinstance(output.event, CandidateSet):
                shown[int(output.event.request_id)] = self._top(output.event)
                turn.release()
        return [shown[number] for number in range(len(wanted))]

    def _asked(self, number: int, wanted: Wanted) -> Delivery[GenerationRequest]:
        return self._delivered(
            GenerationRequest(
                user_id=f"stranger-{number}",
                request_id=str(number),
                prompt=wanted.request,
                genre=wanted.genre,
                # A request that names one gets all its drafts whatever else is written.
                seed=SEED + number,
                deadline=datetime.now(UTC) + LONGEST_DEADLINE,
            )
        )

    def _top(self, written: CandidateSet) -> Shown:
        decided = self._ranker.answered(self._delivered(written))
        assert decided is not None and decided.answer is not None
        answer = decided.answer
        if not answer.candidates:
            return Shown(failure=answer.code or answer.status)
        index = int(answer.candidates[0].candidate_id.rpartition("/")[2])
        top = next(each for each in written.candidates if each.index == index)
        return Shown(text=top.text.strip(), broken_off=bool(top.broken_off))

    def _delivered(self, event: Any) -> Delivery[Any]:
        """An event as if it had come through Kafka."""
        topic = BY_EVENT[type(event)]
        source = Source(
            topic=topic.name,
            partition=0,
            offset=next(self._offsets),
            timestamp=time(),
            key=topic.key(event).encode(),
            value=encode(event),
        )
        return delivery.opened(source, topic)
