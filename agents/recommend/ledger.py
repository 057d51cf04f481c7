"""The two tables of the recommend role in words: users, their newest decisions, and which requests
are open.

Reading, changing and writing a row happens without an `await` in between, so agents never overwrite
each other."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime

from agents.recommend.decision_row import DecisionRow, is_open
from genre_models.preferences.row import DECISIONS, UserRow, is_outdated
from genre_models.preferences.signals import digest
from schemas.errors import ModelError, Rejected
from schemas.keys import key_of
from schemas.parts import Failure
from streams.worker.tables import Flush, Rows, nothing_to_flush

log = logging.getLogger(__name__)

# The input topics whose offsets a user's row remembers; their places in the row are for ever.
MARKS = {"classified": 0, "candidates": 1, "feedback": 2, "users": 3}


@dataclass(slots=True)
class Ledger:
    """`users` and `decisions` are the tables (or dictionaries in tests); `flush` waits for their
    changelogs."""

    users: Rows
    decisions: Rows
    incarnation: int
    flush: Flush = nothing_to_flush
    exchange: Callable[[str, UserRow, UserRow], None] | None = None
    """Told of every row that is replaced: the population follows."""
    counts: Counter[str] = field(default_factory=Counter)
    """What was odd, by name: the health page shows it."""
    waiting: dict[bytes, tuple[datetime, str]] = field(default_factory=dict)
    """Deadline and user of every open decision."""
    _outdated: set[str] = field(default_factory=set)
    """Users whose stored row, when it was last read, came from another feature recipe."""

    def user(self, key: str) -> UserRow:
        """The user's row; a new one for somebody unknown. A corrupt row is set aside, counted, and
        begun anew."""
        packed = self.users.get(key.encode())
        if packed is None:
            return UserRow()
        if is_outdated(packed):
            self._outdated.add(key)
        try:
            return UserRow.unpack(packed)
        except ModelError as error:
            self.counts["corrupt_row"] += 1
            log.critical("row of %r: %s", key, error)
            self.users[f"\x00corrupt/{key}".encode()] = packed
            return UserRow()

    def keep(self, key: str, row: UserRow, *, old: UserRow | None = None) -> None:
        """Write a user's row; `old` is the row that it replaces, where it has just been read."""
        if self.exchange is not None:
            self.exchange(key, self.user(key) if old is None else old, row)
        if key in self._outdated:
            self._outdated.remove(key)
            self.counts["outdated_row"] += 1
        self.users[key.encode()] = row.pack()

    def decision(self, key: str, request_id: str) -> DecisionRow | None:
        """The decision about a request, while it is remembered."""
        return self._decision(key, digest(request_id))

    def open(self, key: str, row: UserRow, decision: DecisionRow) -> None:
        """Store a new decision, and delete the user's oldest answered one beyond the newest 32.

        Raises Rejected (too_many_open) when 32 requests of the user wait for their answers.
        """
        known = self._stored_of(key, row)
        if len(known) >= DECISIONS:
            forgotten = next((old for old in known if not self._is_open(key, old)), None)
            if forgotten is None:
                message = f"Expected at most {DECISIONS} unanswered requests of one user, got more."
                raise Rejected("too_many_open", message)
            self.decisions.pop(decision_key(key, forgotten), None)
        self.store(key, decision)

    def remember(self, key: str, request_id: str, mark: tuple[int, int, int]) -> None:
        """Note in the user's row that a request was opened by the record of `mark`.

        Only after the decision stands in its changelog: the two tables have two, and a row that
        says so without the decision would lose the request."""
        row = self.user(key)
        remembering, _ = replace(row, decisions=self._stored_of(key, row)).remembering(
            digest(request_id)
        )
        self.keep(key, remembering.marked(*mark))

    def store(self, key: str, decision: DecisionRow) -> None:
        """Write a decision that is open already, or its answer."""
        place = decision_key(key, digest(decision.request_id))
        self.decisions[place] = decision.pack()
        if decision.is_open:
            self.waiting[place] = (decision.deadline, key)
        else:
            self.waiting.pop(place, None)

    def stored(self, place: bytes) -> DecisionRow | None:
        """The decision at a place of `waiting`."""
        packed = self.decisions.get(place)
        if packed is None:
            return None
        try:
            return DecisionRow.unpack(packed)
        except ModelError as error:
            self.counts["corrupt_decision"] += 1
            log.critical("decision %r: %s", place, error)
            return None

    def recount(self) -> None:
        """Find the open decisions again, after the tables were recovered."""
        self.waiting = {}
        for place, packed in list(self.decisions.items()):
            decision = self.stored(place) if is_open(packed) else None
            if decision is not None:
                self.waiting[place] = (decision.deadline, key_of(decision))

    def forget(self, key: str, row: UserRow) -> tuple[int, ...]:
        """Delete the decisions of a user; of the open ones nothing but the duty to answer stays.
        Those that stay."""
        kept = []
        for number in row.decisions:
            decision = self._decision(key, number)
            if decision is not None and decision.is_open:
                self.store(
                    key,
                    decision.emptied(
                        Failure(code="erased", message="The user was erased meanwhile.")
                    ),
                )
                kept.append(number)
            else:
                self.decisions.pop(decision_key(key, number), None)
        return tuple(kept)

    def _stored_of(self, key: str, row: UserRow) -> tuple[int, ...]:
        return tuple(
            number for number in row.decisions if decision_key(key, number) in self.decisions
        )

    def _is_open(self, key: str, number: int) -> bool:
        packed = self.decisions.get(decision_key(key, number))
        return packed is not None and is_open(packed)

    def _decision(self, key: str, number: int) -> DecisionRow | None:
        return self.stored(decision_key(key, number))


def decision_key(key: str, number: int) -> bytes:
    """Where the `decisions` table holds a decision of a user."""
    return f"{key}/{number:016x}".encode()
