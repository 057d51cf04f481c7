"""The preferences table from the topics alone: the learner's own code, with a ledger of its own.

All decisions come first. A partition's commands and reactions keep their own order; between the
two, the time of the records decides. What the running system has refused stands in the dead letters
and is left out here too, and so is what it has published again because its time could not be true.
Partitions have no user in common, so they follow each other in any order.
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from heapq import merge
from typing import Any

from agents.genres.registry import Registry
from agents.recommend.decision_row import DecisionRow
from agents.recommend.learn import Learner
from agents.recommend.ledger import Ledger, decision_key
from agents.recommend.rights import obey
from genre_models.preferences.row import DECISIONS, UserRow
from genre_models.preferences.signals import digest
from schemas.decisions import Decision
from schemas.feedback import Feedback
from schemas.keys import key_of
from schemas.recommendations import RankedCandidate, Recommendation
from schemas.users import UserCommand
from streams.wire.headers import REKEYED, text
from streams.wire.partitions import home_of, is_misplaced
from streams.wire.source import Source
from streams.wire.times import is_misdated
from streams.wire.topics import BY_EVENT, Topic
from streams.worker.delivery import Delivery, opened

# What is remembered of the past; offsets and decisions depend on when the table was written.
_COMPARED = (
    "epoch",
    "last",
    "reactions",
    "detector",
    "alarms",
    "consent",
    "opted_out",
    "erased_at",
)
_NEEDS_TEXT = ("edit", "dwell")


@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    """Records of the topics, in order by partition; `refused` are the places of dead letters."""

    decisions: Sequence[Source]
    recommendations: Sequence[Source]
    feedback: Sequence[Source]
    users: Sequence[Source]
    refused: frozenset[tuple[str, int, int]] = frozenset()


@dataclass(slots=True, kw_only=True)
class Rebuild:
    """Rebuilds the rows of `ledger`, which holds at first the snapshots to begin from.

    `is_due` tells of a record and its user's key whether it is to be replayed (all are).
    """

    ledger: Ledger
    registry: Registry
    partitions: int
    opt_in: bool = False
    is_due: Callable[[Source, str], bool] = lambda source, key: True
    now: float = field(default_factory=time.time)
    counts: Counter[str] = field(default_factory=Counter)
    """`replayed`, and left out: `refused`, `behind` (not due), `text_gone` (its text has left),
    `misdated` (its copy counts)."""
    _texts: dict[tuple[str, str], Recommendation] = field(default_factory=dict)
    _made: dict[str, dict[str, float]] = field(default_factory=lambda: defaultdict(dict))
    """When each request of a user was answered, in their order."""

    def replay(self, log: Log) -> None:
        """Apply everything."""
        for answer in self._events(log.recommendations, Recommendation):
            self._texts[key_of(answer.event), answer.event.request_id] = answer.event
        for made in self._events(log.decisions, Decision):
            self._decide(made.event)
        learner = Learner(
            ledger=self.ledger,
            registry=self.registry,
            opt_in=self.opt_in,
            trains_from=lambda tenant: True,  # so that what was passed on can be taken back
        )
        for delivery in self._in_order(log):
            with delivery:
                self._apply(delivery, learner)
            self.counts["refused" if delivery.failure else "replayed"] += 1

    def _apply(self, delivery: Delivery[Any], learner: Learner) -> None:
        if isinstance(delivery.event, UserCommand):
            obey(self.ledger, delivery)
        else:
            learner.learn_one(delivery)

    def _in_order(self, log: Log) -> Iterator[Delivery[Any]]:
        believed = [
            list(self._believed(list(self._events(records, kind)), BY_EVENT[kind]))
            for records, kind in ((log.users, UserCommand), (log.feedback, Feedback))
        ]
        for partition in range(self.partitions):
            # A wrong time would hold back what follows it.
            both = ([one for one in each if one.source.partition == partition] for each in believed)
            for delivery in merge(*both, key=lambda one: one.source.timestamp):
                if self._is_left_out(delivery, log.refused) is None:
                    yield delivery

    def _believed(self, deliveries: list[Delivery[Any]], topic: Topic) -> Iterator[Delivery[Any]]:
        """Those whose time was believed: by the worker that published a copy, else now."""
        copies: dict[str, list[Delivery[Any]]] = defaultdict(list)
        for delivery in deliveries:
            named = text(delivery.source.headers, REKEYED)
            if named is not None:
                copies[named].append(delivery)
        for delivery in deliveries:
            seen = [
                copy.source.timestamp
                for copy in copies[str(delivery.source)]
                if _is_copy(copy, delivery)
            ]
            if any(is_misdated(delivery.source, topic, at) for at in seen or [self.now]):
                self.counts["misdated"] += 1
            else:
                yield delivery

    def _is_left_out(
        self, delivery: Delivery[Any], refused: frozenset[tuple[str, int, int]]
    ) -> str | None:
        source, event, key = delivery.source, delivery.event, key_of(delivery.event)
        needs_text, why = getattr(event, "kind", "") in _NEEDS_TEXT, None
        if (source.topic, source.partition, source.offset) in refused:
            why = "refused"
        elif not self.is_due(source, key):
            why = "behind"
        elif needs_text and (key, event.request_id) not in self._texts:
            why = "text_gone"
        if why is not None:
            self.counts[why] += 1
        return why

    def _events(self, records: Iterable[Source], kind: type[Any]) -> Iterator[Delivery[Any]]:
        topic = BY_EVENT[kind]
        for source in records:
            delivery = opened(source, topic)
            if delivery.finished:
                continue
            if not is_misplaced(delivery.event, source, topic, self.partitions):
                yield delivery

    def _decide(self, made: Decision) -> None:
        key = key_of(made)
        answer = self._texts.get((key, made.request_id)) or _without_texts(made)
        row = DecisionRow(
            request_id=made.request_id,
            user_id=made.user_id,
            tenant=made.tenant,
            deadline=made.time,
            seed=made.seed,
            answer=answer,
            decision=made,
        )
        self.ledger.store(key, row)
        self._made[key].setdefault(made.request_id, made.time.timestamp())

    def remembered(self) -> dict[str, UserRow]:
        """Every user's row with their newest decisions, as it was rebuilt."""
        rows = {raw.decode(): UserRow.unpack(packed) for raw, packed in self.ledger.users.items()}
        return {key: replace(row, decisions=self._answered(key, row)) for key, row in rows.items()}

    def tables(self) -> dict[str, dict[bytes, tuple[int, bytes]]]:
        """The rows of both tables with their partitions, as their changelogs hold them."""
        rows, decisions = self.remembered(), self.ledger.decisions
        places = {
            decision_key(key, number): key for key, row in rows.items() for number in row.decisions
        }
        return {
            "decisions": {
                place: (self._home(key), decisions[place]) for place, key in places.items()
            },
            "preferences": {
                key.encode(): (self._home(key), row.pack()) for key, row in rows.items()
            },
        }

    def _answered(self, key: str, row: UserRow) -> tuple[int, ...]:
        """The newest decisions since an erasure whose texts are still there, oldest first."""
        made = self._made[key].items()
        known = [
            digest(request)
            for request, at in made
            if at > row.erased_at and (key, request) in self._texts
        ]
        return tuple(known[-DECISIONS:])

    def _home(self, key: str) -> int:
        return home_of(key, self.partitions)


def differing(rebuilt: Mapping[str, UserRow], running: Mapping[str, UserRow]) -> list[str]:
    """Sorted keys of users whose sums, signals, drift alarms or settings differ between the two."""
    keys = sorted(rebuilt.keys() | running.keys())
    return [
        key for key in keys if not _equal(rebuilt.get(key, UserRow()), running.get(key, UserRow()))
    ]


def _is_copy(copy: Delivery[Any], original: Delivery[Any]) -> bool:
    """Whether a record is what it says: another one, published again as a worker does it."""
    return (copy.source.value, copy.id) == (original.source.value, original.id) and (
        copy.source.partition != original.source.partition
        or copy.source.offset > original.source.offset
    )


def _equal(one: UserRow, other: UserRow) -> bool:
    return (
        all(getattr(one, name) == getattr(other, name) for name in _COMPARED)
        and one.sums.tobytes() == other.sums.tobytes()
        and one.ring.tobytes() == other.ring.tobytes()
    )


def _without_texts(made: Decision) -> Recommendation:
    """What was shown, its texts gone: enough for every reaction that does not compare them."""
    candidates = sorted(made.candidates, key=lambda each: each.position)
    return Recommendation(
        request_id=made.request_id,
        user_id=made.user_id,
        tenant=made.tenant,
        status="ok",
        candidates=tuple(
            RankedCandidate(
                candidate_id=f"{made.request_id}/{each.index}",
                text="",
                score=each.score,
                propensity=each.propensity,
                finish="stop",
            )
            for each in candidates
        ),
    )
