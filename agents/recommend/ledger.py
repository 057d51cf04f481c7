"""The two tables of the recommend role in words: users, their newest decisions, open requests.

Reading a case, changing it and keeping it happen without an `await` in between, so agents never
overwrite each other.
"""

from __future__ import annotations

import logging
import struct
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from agents.recommend.decision_row import DecisionRow, is_open
from genre_models.preferences.learner import Learned
from genre_models.preferences.row import DECISIONS, UserRow, is_outdated
from genre_models.preferences.signals import digest
from schemas.errors import ModelError
from schemas.keys import key_of
from schemas.parts import Failure
from streams.wire.source import Source
from streams.worker.delivery import Delivery
from streams.worker.tables import Flush, Rows, nothing_to_flush, scan

log = logging.getLogger(__name__)

_REFUSED = 0  # the number under which the askings stand that were refused; no decision's digest
_MOST_REFUSED = 512  # more than are read of one user between two commits
ERASED = Failure(code="erased", message="The user was erased meanwhile.")
# The input topics whose offsets a user's row remembers; their places in the row are for ever.
MARKS = {"classified": 0, "candidates": 1, "feedback": 2, "users": 3}


@dataclass(slots=True)
class Ledger:
    """The tables `users` and `decisions` (tests: dictionaries); `flush` awaits their changelogs."""

    users: Rows
    decisions: Rows
    incarnation: int
    flush: Flush = nothing_to_flush
    counts: Counter[str] = field(default_factory=Counter)
    """What was odd, by name: the health page shows it."""
    waiting: dict[bytes, tuple[datetime, str]] = field(default_factory=dict)
    """Deadline and user of every open decision, as long as their partition stays."""
    publishing: set[bytes] = field(default_factory=set)
    """Decisions whose answer is stored and on its way: forgotten now, a crash would lose it."""
    scrub: Callable[[], None] = lambda: None
    """Has what was deleted leave the tables' files too, soon."""
    changed: dict[str, UserRow] | None = None
    """Of users whose row was replaced, the first that was: whoever adds rows up takes it out."""
    due: dict[str, None] = field(default_factory=dict)
    """Users whose profile is to be published, in the order in which they changed."""
    _ends: Mapping[tuple[str, int], int] = field(default_factory=dict)
    _told: set[tuple[str, int]] = field(default_factory=set)
    _outdated: set[str] = field(default_factory=set)
    """Users whose stored row, when it was last read, came from another feature recipe."""

    def case(self, delivery: Delivery[Any]) -> Case:
        """What is remembered of the user and the request that an event speaks of, read once."""
        key, request_id = key_of(delivery.event), getattr(delivery.event, "request_id", None)
        return Case(
            ledger=self,
            key=key,
            mark=self.mark(delivery.source),
            row=self._unmarked(self.user(key), delivery.source),
            decision=None if request_id is None else self.decision(key, request_id),
        )

    def mark(self, source: Source) -> tuple[int, int, int]:
        """How a user's row remembers a record: the place of its topic, its offset, the cluster."""
        place = next(place for name, place in MARKS.items() if source.topic.endswith(name))
        return place, source.offset, self.incarnation

    def assign(self, ends: Mapping[tuple[str, int], int]) -> None:
        """Take where the partitions of the input topics end, now that they are assigned."""
        self._ends, self._told = ends, set()

    def _unmarked(self, row: UserRow, source: Source) -> UserRow:
        """The row without a mark above its partition's end, which says nothing.

        It is of a topic that was deleted and made again, or restored: what was applied before the
        partition was assigned stood in it then.
        """
        place, offset, incarnation = self.mark(source)
        partition, mark = (source.topic, source.partition), row.marks[place]
        if incarnation != row.incarnation or mark <= self._ends.get(partition, mark):
            return row
        if offset < mark:
            self.counts["mark_above_end"] += 1
            if partition not in self._told:
                self._told.add(partition)
                log.warning(
                    "%s: marks lie above its end and are dropped; was it made anew?", source
                )
        return row.unmarked(place)

    def user(self, key: str) -> UserRow:
        """The user's row; a new one for somebody unknown.

        A corrupt row is set aside, counted, and begun anew, with the decisions that are looked up
        in its place: what no row names any more, an erase could not find. One of the far future
        moves back.
        """
        packed = self.users.get(key.encode())
        if packed is None:
            return UserRow()
        if is_outdated(packed):
            self._outdated.add(key)
        try:
            row = UserRow.unpack(packed)
            moved = row.until(time.time())
            if moved is not row:
                self.counts["row_ahead"] += 1
            return moved
        except ModelError as error:
            self.counts["corrupt_row"] += 1
            log.critical("row of user %016x: %s", digest(key), error)
            self.users[_aside(key)] = packed
            return UserRow(decisions=self._decisions_of(key))

    def _decisions_of(self, key: str) -> tuple[int, ...]:
        places = (place.rpartition(b"/") for place in list(self.decisions))
        found = (int(number, 16) for user, _, number in places if user == key.encode())
        return tuple(number for number in found if number != _REFUSED)

    def keep(self, key: str, row: UserRow, old: UserRow) -> None:
        """Write a user's row in place of the `old` one, which has just been read."""
        if self.changed is not None:
            self.changed.setdefault(key, old)
        if key in self._outdated:
            self._outdated.remove(key)
            self.counts["outdated_row"] += 1
        self.users[key.encode()] = row.pack()

    def decision(self, key: str, request_id: str) -> DecisionRow | None:
        """The decision about a request, while it is remembered."""
        return self.stored(decision_key(key, digest(request_id)))

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
        return None if packed is None else self._unpacked(place, packed)

    def _unpacked(self, place: bytes, packed: bytes) -> DecisionRow | None:
        try:
            return DecisionRow.unpack(packed)
        except ModelError as error:
            self.counts["corrupt_decision"] += 1
            log.critical("decision %s: %s", place.rpartition(b"/")[2].decode(), error)
            return None

    @contextmanager
    def published(self, decision: DecisionRow) -> Iterator[None]:
        """While the answer of a decision is under way, it is not forgotten for a newer one."""
        place = decision_key(key_of(decision), digest(decision.request_id))
        self.publishing.add(place)
        try:
            yield
        finally:
            self.publishing.discard(place)

    def refused(self, key: str) -> tuple[int, ...]:
        """Digests of a user's newest askings that there was no room for, oldest first."""
        packed = self.decisions.get(decision_key(key, _REFUSED))
        if packed is None or packed[:1] != b"R" or len(packed) % 8 != 1:
            return ()
        return struct.unpack(f"<{len(packed) // 8}Q", packed[1:])

    def refuse(self, key: str, asking: int) -> None:
        """Note one more of them; the oldest is forgotten beyond the newest 512."""
        known = (*self.refused(key), asking)[-_MOST_REFUSED:]
        packed = b"R" + struct.pack(f"<{len(known)}Q", *known)
        self.decisions[decision_key(key, _REFUSED)] = packed

    async def recount(self, partitions: Iterable[int]) -> None:
        """Find the open decisions of some partitions again, after the tables were recovered."""
        waiting = self.waiting = {}
        async for place, packed in scan(self.decisions, partitions, indexed=True):
            if self.waiting is not waiting:
                return  # recovered once more meanwhile
            decision = self._unpacked(place, packed) if is_open(packed) else None
            if decision is not None:
                waiting[place] = (decision.deadline, key_of(decision))


@dataclass(slots=True, kw_only=True)
class Case:
    """One delivery, and the user's row and the decision that it speaks of, as they are now.

    Agents change `row` and `decision` through it and `keep` what they changed.
    """

    ledger: Ledger
    key: str
    mark: tuple[int, int, int]
    row: UserRow
    decision: DecisionRow | None
    _read: UserRow = field(init=False)

    def __post_init__(self) -> None:
        self._read = self.row

    @property
    def is_applied(self) -> bool:
        """Whether the row says that this very record was applied before."""
        return self.row.is_applied(*self.mark)

    def may_learn(self, opt_in: bool) -> bool:
        """Whether the user may be learned from; `opt_in` asks for their consent."""
        return self.row.may_learn(opt_in)

    def learn(self, step: Callable[[UserRow], Learned]) -> Learned:
        """Take a step of the learner's; what it says of it."""
        learned = step(self.row)
        self.row = learned.row
        return learned

    def keep(self) -> None:
        """Write the row, with the record noted as applied."""
        self.ledger.keep(self.key, self.row.marked(*self.mark), self._read)

    def tell(self) -> None:
        """Have the user's profile published, unless nothing was learned since an erasure."""
        if self.row.reactions or not self.row.erased_at:
            self.ledger.due[self.key] = None

    def bury_again(self) -> None:
        """Delete once more what the row names and the table has lost.

        It was deleted before a kill, and its tombstone may be missing in the changelog.
        """
        for lost in set(self.row.decisions) - set(self._stored()):
            self._delete(lost)

    def make_room(self) -> bool:
        """Room for one more decision: the user's oldest answered one is deleted for the 33rd.

        False where 32 requests of the user wait for their answers.
        """
        known = self._stored()
        if len(known) < DECISIONS:
            return True
        forgotten = next((old for old in known if not self._is_open(old)), None)
        if forgotten is not None:
            self._delete(forgotten)
        return forgotten is not None

    def was_refused(self, asking: str) -> bool:
        """Whether there was no room for this asking: a repeat gets no other answer."""
        return digest(asking) in self.ledger.refused(self.key)

    def refuse(self, asking: str) -> None:
        """Remember that there was no room."""
        self.ledger.refuse(self.key, digest(asking))

    def store(self, decision: DecisionRow) -> None:
        """Write the decision, opened or answered."""
        self.decision = decision
        self.ledger.store(self.key, decision)

    def remember(self) -> None:
        """Note in the row that the request was opened by this record.

        Only after the decision stands in its changelog, and the tombstones of those that the row
        names no more: the two tables have two. A row that says so without the decision would lose
        the request, and what no row names any more, an erase could not find.
        """
        assert self.decision is not None
        number = digest(self.decision.request_id)
        self.row, _ = replace(self.row, decisions=self._stored()).remembering(number)
        self.keep()

    def remembered(self) -> Iterator[DecisionRow]:
        """The user's decisions; the case's own as it is now."""
        own = None if self.decision is None else digest(self.decision.request_id)
        for number in self.row.decisions:
            stored = self.ledger.stored(decision_key(self.key, number)) if number != own else None
            if stored is not None:
                yield stored
        if self.decision is not None:
            yield self.decision

    def forget(self) -> tuple[int, ...]:
        """Delete the user's decisions; of open ones the duty to answer stays. Those that stay.

        Also what was set aside of the user.
        """
        kept = []
        for number in self.row.decisions:
            decision = self.ledger.stored(decision_key(self.key, number))
            if decision is not None and decision.is_open:
                self.ledger.store(self.key, decision.emptied(ERASED))
                kept.append(number)
            else:
                self._delete(number)
        self._delete(_REFUSED)
        self.ledger.users.pop(_aside(self.key), None)
        self.ledger.due.pop(self.key, None)
        return tuple(kept)

    def _delete(self, number: int) -> None:
        self.ledger.decisions.pop(decision_key(self.key, number), None)

    def _stored(self) -> tuple[int, ...]:
        decisions = self.ledger.decisions
        return tuple(n for n in self.row.decisions if decision_key(self.key, n) in decisions)

    def _is_open(self, number: int) -> bool:
        place = decision_key(self.key, number)
        packed = self.ledger.decisions.get(place)
        return place in self.ledger.publishing or (packed is not None and is_open(packed))


def _aside(key: str) -> bytes:
    """Where the `users` table keeps a row that could not be read."""
    return f"\x00corrupt/{key}".encode()


def decision_key(key: str, number: int) -> bytes:
    """Where the `decisions` table holds a decision of a user."""
    return f"{key}/{number:016x}".encode()
