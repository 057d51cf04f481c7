"""Learning as a pure function: a row, a signal and the decision it speaks about give the next row.

The contribution of one decision to the sums is a function of the *set* of its signals: the winner
of every slot, capped for every candidate, at the time since which it has been said. A new signal
therefore takes the decision's old contribution out and puts its new one in - which makes repeats,
corrections, retractions and late arrivals the same operation, in any order.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import numpy as np

from genre_models.preferences.estimator import HierarchicalRegression
from genre_models.preferences.moments import Floats, quantised, size
from genre_models.preferences.page_hinkley import FRESH, PageHinkley, State
from genre_models.preferences.row import (
    ALARMS,
    ENTRY,
    EVERY_CANDIDATE,
    HALF_LIFE,
    RING,
    Ring,
    Sums,
    UserRow,
)
from genre_models.preferences.signals import (
    CANDIDATE_CAP,
    RULES,
    SIGNALS_VERSION,
    Kind,
    Signal,
    examination,
    passed_over,
)
from schemas.errors import Rejected

# After a change of taste the past counts an eighth: a power of two, so that halving stays exact.
ALARM_DAMPING = 1 / 8
CLOCK_TOLERANCE = 300
_LIMIT = int(0.9 * 2**31)

Outcome = Literal["learned", "duplicate", "retracted", "erased"]

_ENTRY = struct.Struct("<QQIBBHff")
# By the kind's number: faster than asking the enumeration. VOID has none.
_SLOTS = ("", *(RULES[kind][0] for kind in Kind if kind is not Kind.VOID))
_RANKS = (0, *(RULES[kind][1] for kind in Kind if kind is not Kind.VOID))


class Entry(NamedTuple):
    """One applied signal in the ring, in the order of `row.ENTRY`."""

    id: int
    decision: int
    time: int
    candidate: int
    kind: int
    version: int
    weight: float
    target: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Shown:
    """What a decision showed.

    `features` [k, DIMENSION] of its candidates, the `positions` [k] they stood at (0 is the top)
    and the scores that were `predicted` for them [k].
    """

    decision: int
    features: Floats
    positions: Sequence[int]
    predicted: Sequence[float]

    def present(self) -> list[int]:
        """The candidates that were shown; features of the others are all zero, the bias too."""
        return [index for index, bias in enumerate(self.features[:, 0].tolist()) if bias]


@dataclass(frozen=True, slots=True, kw_only=True)
class Learned:
    """The next row and what happened.

    `alarm` is the time in seconds at which the taste was found to have changed.
    """

    row: UserRow
    outcome: Outcome
    alarm: int | None = None


def learn_one(row: UserRow, signal: Signal, shown: Shown, now: float) -> Learned:
    """Apply one signal. `now` is the time of the record that brought it, in seconds.

    A signal from the future, or from before 1970, counts as of now.

    Raises Rejected `unknown_candidate`, `preference_saturated`.
    """
    signal = _at_most(signal, now)
    if signal.time <= row.erased_at:
        return Learned(row=row, outcome="erased")
    if _find(row, signal.id) is not None:
        return Learned(row=row, outcome="duplicate")
    if signal.candidate is not None and signal.candidate not in shown.present():
        raise Rejected(
            "unknown_candidate",
            f"the request showed candidates {shown.present()}, got {signal.candidate}",
        )
    row = _advanced(row, signal.time)
    exchanged = _exchanged(row, shown, _entry(signal))
    detector, drifted = _watched(row, exchanged.sums, signal, shown)
    learned = replace(
        exchanged, detector=FRESH if drifted else detector, last=max(row.last, signal.time)
    )
    if not drifted:
        return Learned(row=learned, outcome="learned")
    return Learned(row=damped(learned, learned.last), outcome="learned", alarm=learned.last)


def retract_one(row: UserRow, signal_id: int, shown: Shown, now: float) -> Learned:
    """Take one signal back as if it had never come; one that comes later is void.

    Raises Rejected `retract_mismatch`.
    """
    found = _find(row, signal_id)
    if found is None:
        void = _void(signal_id, shown.decision, int(now), EVERY_CANDIDATE)
        return Learned(row=replace(row, ring=_pushed(row.ring, void)), outcome="retracted")
    if found.kind == Kind.VOID:
        return Learned(row=row, outcome="duplicate")
    if found.decision != shown.decision:
        raise Rejected(
            "retract_mismatch",
            "the feedback to retract belongs to another request than the one named",
        )
    void = _void(signal_id, found.decision, found.time, found.candidate)
    return Learned(row=_exchanged(row, shown, void), outcome="retracted")


def decision_of(row: UserRow, signal_id: int) -> int | None:
    """The decision that a remembered signal speaks about: its features are needed to retract it."""
    found = _find(row, signal_id)
    return None if found is None else found.decision


def damped(row: UserRow, alarm: int) -> UserRow:
    """The row after a change of taste at `alarm` (seconds): what came before counts an eighth."""
    if alarm in row.alarms:
        return row
    sums = np.rint(row.sums * ALARM_DAMPING).astype(np.int32)
    return replace(row, sums=sums, alarms=(*row.alarms, alarm)[-ALARMS:], detector=FRESH)


def _watched(row: UserRow, sums: Sums, signal: Signal, shown: Shown) -> tuple[State, bool]:
    """Verdicts on one candidate, and uses of it, go to the drift detector: once a candidate.

    What is said of it again, instead or after a retraction is no further evidence, and nor is what
    leaves the sums as they were.
    """
    if not _is_telling(signal) or np.array_equal(sums, row.sums):
        return row.detector, False
    for other in _of_decision(row, shown.decision):
        if other.candidate == signal.candidate and (other.kind == Kind.VOID or _is_telling(other)):
            return row.detector, False
    detector = PageHinkley.of(row.detector)
    detector.update(signal.target - shown.predicted[signal.candidate or 0])
    return detector.state, detector.drift_detected


def _is_telling(signal: Signal | Entry) -> bool:
    # an edit's weight comes back from the ring as the float32 nearest to 0.7
    return (
        signal.weight > 0.69
        and signal.kind != Kind.HISTORY
        and signal.candidate not in (None, EVERY_CANDIDATE)
    )


def _exchanged(row: UserRow, shown: Shown, entry: Entry) -> UserRow:
    """The row with the decision's contribution to its sums renewed, and `entry` in its ring.

    `entry` takes the place of one with its id.
    """
    before = _of_decision(row, shown.decision)
    after = [other for other in before if other.id != entry.id] + [entry]
    ring = row.ring
    if len(after) == len(before):  # one with that id was among this decision's
        ring = ring[ring["id"] != np.uint64(entry.id)]
    if entry in _repeats(after):
        return replace(row, ring=_pushed(ring, entry))
    sums = _contribution(row, after, shown)
    sums += row.sums
    if before:
        sums -= _contribution(row, before, shown)
    if np.abs(sums).max() > _LIMIT:
        raise Rejected(
            "preference_saturated",
            "this user has reacted more often than a row can hold; wait for the past to fade",
        )
    reactions = row.reactions + _statements(after) - _statements(before)
    return replace(
        row, sums=sums.astype(np.int32), ring=_pushed(ring, entry), reactions=max(0, reactions)
    )


def _contribution(row: UserRow, entries: Sequence[Entry], shown: Shown) -> Floats:
    """Whole numbers [size(d)]: what a set of signals about one decision adds to the sums."""
    directions, targets, weights = [], [], []
    for candidate, winners in _winners(entries, shown).items():
        cap = min(1.0, CANDIDATE_CAP / max(1e-9, sum(weight for _, weight in winners)))
        for entry, weight in winners:
            directions.append(_direction(shown, candidate, entry.kind))
            targets.append(entry.target)
            weights.append(weight * cap * _kappa(row, entry.time))
    model = HierarchicalRegression.of(None, np.zeros(size(shown.features.shape[1])))
    if directions:
        model.learn_many(np.array(directions), np.array(targets), np.array(weights))
    return quantised(model.moments)


def _winners(entries: Sequence[Entry], shown: Shown) -> dict[int, list[tuple[Entry, float]]]:
    """By candidate, the signals in force with their weights, in one order however they came in."""
    best: dict[tuple[int, str], tuple[int, Entry]] = {}
    for entry in _in_order(entries):
        slot = _SLOTS[entry.kind]
        for candidate in (
            shown.present() if entry.candidate == EVERY_CANDIDATE else (entry.candidate,)
        ):
            # only one candidate of a decision can be the chosen one
            place = EVERY_CANDIDATE if entry.kind == Kind.CHOOSE else candidate, slot
            known, before = best.get(place, (None, entry))
            if known != candidate or not _says_the_same(before, entry):
                best[place] = candidate, entry
    winners: dict[int, list[tuple[Entry, float]]] = {}
    for _, (candidate, entry) in sorted(best.items()) if len(best) > 1 else best.items():
        winners.setdefault(candidate, []).append((entry, _weight(entry, shown, candidate)))
    return winners


def _in_order(entries: Sequence[Entry]) -> list[Entry]:
    """Those that were not taken back: in a slot, the last one wins."""
    if len(entries) == 1:
        return [entry for entry in entries if entry.kind != Kind.VOID]
    return sorted(
        (entry for entry in entries if entry.kind != Kind.VOID),
        key=lambda entry: (_RANKS[entry.kind], entry.time, entry.id),
    )


def _says_the_same(one: Entry, other: Entry) -> bool:
    return (one.kind, one.weight, one.target) == (other.kind, other.weight, other.target)


def _repeats(entries: Sequence[Entry]) -> list[Entry]:
    """Those that say what stood already when they were said."""
    said: dict[tuple[int, int, str], Entry] = {}
    found = []
    for entry in _in_order(entries):
        candidate = EVERY_CANDIDATE if entry.kind == Kind.CHOOSE else entry.candidate
        place = entry.decision, candidate, _SLOTS[entry.kind]
        before = said.get(place)
        if before and before.candidate == entry.candidate and _says_the_same(before, entry):
            found.append(entry)
        else:
            said[place] = entry
    return found


def _statements(entries: Sequence[Entry]) -> int:
    """How many reactions a decision's signals are."""
    return sum(entry.kind != Kind.VOID for entry in entries) - len(_repeats(entries))


def _weight(entry: Entry, shown: Shown, candidate: int) -> float:
    """Asking again and passing over blame a candidate as far as it was likely read."""
    position = shown.positions[candidate]
    match entry.kind:
        case Kind.REGENERATE:
            return entry.weight * examination(position)
        case Kind.SHOWN:
            return entry.weight * passed_over(position, shown.predicted[candidate])
        case _:
            return entry.weight


def _direction(shown: Shown, candidate: int, kind: int) -> Floats:
    """[d]: the candidate's features; of a choice, minus the mean of those it was chosen over."""
    features = shown.features
    if kind != Kind.CHOOSE or len(present := shown.present()) == 1:
        return features[candidate]
    others = (features.sum(axis=0, dtype=np.float64) - features[candidate]) / (len(present) - 1)
    return features[candidate] - others


def _kappa(row: UserRow, time: int) -> float:
    """Weight of a reaction at `time` in `row`'s sums: forward decay, damped by each later alarm."""
    alarms = sum(time <= alarm for alarm in row.alarms) if row.alarms else 0
    return 2.0 ** (time / HALF_LIFE - row.epoch - 1) * ALARM_DAMPING**alarms


def _advanced(row: UserRow, time: int) -> UserRow:
    epoch = time // HALF_LIFE
    if epoch <= row.epoch:
        return row
    sums: Sums = np.rint(row.sums * 2.0 ** (row.epoch - epoch)).astype(np.int32)
    return replace(row, sums=sums, epoch=epoch)


def _at_most(signal: Signal, now: float) -> Signal:
    latest = int(now) + CLOCK_TOLERANCE
    return signal if 0 < signal.time <= latest else replace(signal, time=int(now))


def _entry(signal: Signal) -> Entry:
    candidate = EVERY_CANDIDATE if signal.candidate is None else signal.candidate
    # as the ring will hold them
    weight, target = np.float32(signal.weight), np.float32(signal.target)
    return Entry(
        signal.id,
        signal.decision,
        signal.time,
        candidate,
        signal.kind,
        SIGNALS_VERSION,
        float(weight),
        float(target),
    )


def _void(signal_id: int, decision: int, time: int, candidate: int) -> Entry:
    return Entry(signal_id, decision, time, candidate, Kind.VOID, SIGNALS_VERSION, 0.0, 0.0)


def _find(row: UserRow, signal_id: int) -> Entry | None:
    at = (row.ring["id"] == np.uint64(signal_id)).nonzero()[0]
    return Entry(*row.ring[at[0]].item()) if len(at) else None


def _of_decision(row: UserRow, decision: int) -> list[Entry]:
    at = (row.ring["decision"] == np.uint64(decision)).nonzero()[0]
    return [Entry(*entry) for entry in row.ring[at].tolist()] if len(at) else []


def _pushed(ring: Ring, entry: Entry) -> Ring:
    """The ring with the entry last.

    When it is full, the oldest repeat leaves, or else the oldest: who says one thing often must not
    make the row forget what else it has heard, or that would count again.
    """
    packed = ring.tobytes() + _ENTRY.pack(*entry)
    room = np.frombuffer(packed, ENTRY)
    if len(room) <= RING:
        return room
    leaving, size = 0, ENTRY.itemsize
    # All but id and time. Hardly ever are two alike, and to look for repeats takes its time.
    said = {(packed[at + 8 : at + 16], packed[at + 20 : at + size])
            for at in range(0, len(packed), size)}  # fmt: skip
    if len(said) < len(room):
        repeats = {each.id for each in _repeats([Entry(*each) for each in room.tolist()])}
        leaving = next((k for k, id in enumerate(room["id"].tolist()) if id in repeats), 0)
    return np.frombuffer(packed[: leaving * size] + packed[(leaving + 1) * size :], ENTRY)
