"""One user's row: everything that is remembered of a user, packed into one checked record.

header | sums (only when there are any) | ring of applied signals | newest decisions | crc32;
little-endian throughout. Sums are int32 in units of 2^-14 (`moments.SCALE`) under forward decay: a
reaction at time t enters times 2^((t - end) / HALF_LIFE), where `end` is the end of the half-life
that `epoch` counts (Cormode et al. 2009), so the sums change only when something is learned or an
epoch ends - then all halve.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, field, replace
from math import isfinite

import numpy as np
import numpy.typing as npt

from genre_models.preferences.features import DIMENSION, DIMENSIONS, FEATURES_VERSION
from genre_models.preferences.moments import SCALE, Floats, size, widened
from genre_models.preferences.page_hinkley import FRESH, State
from schemas.errors import ModelError

ROW_VERSION = 1
HALF_LIFE = 30 * 86_400
RING = 64
DECISIONS = 32
TOPICS = 4
ALARMS = 8
# Half-lives: a row that is a year ahead was taught by a clock that was; below that, the clock that
# it is compared with may be behind.
_FARTHEST = 12

ENTRY = np.dtype(
    [
        ("id", "<u8"),
        ("decision", "<u8"),
        ("time", "<u4"),
        ("candidate", "u1"),
        ("kind", "u1"),
        ("version", "<u2"),
        ("weight", "<f4"),
        ("target", "<f4"),
    ]
)
EVERY_CANDIDATE = 255

_SUMS = np.dtype("<i4")
_HEADER = struct.Struct(f"<BBHHHIIIQ{TOPICS}q4d{ALARMS}IBB")
_CRC = struct.Struct("<I")
_CONSENTED, _REFUSED, _OPTED_OUT, _HAS_SUMS = 1, 2, 4, 8

Ring = npt.NDArray[np.void]
Sums = npt.NDArray[np.int32]

# where the upper triangle, row by row, holds the diagonal
_DIAGONAL = np.cumsum([0, *range(DIMENSION, 1, -1)])
_NO_SUMS: Sums = np.zeros(size(DIMENSION), _SUMS)
_NO_RING: Ring = np.zeros(0, ENTRY)
for _shared in (_NO_SUMS, _NO_RING):
    _shared.setflags(write=False)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class UserRow:
    """A user's row; a new user's is `UserRow()`.

    `sums` int32 [size(DIMENSION)]; `epoch` counts half-lives since 1970; `last` is the newest
    reaction's time in seconds; `reactions` counts those in force; `detector` is the state of
    `PageHinkley`; `ring` holds the newest `RING` applied signals; `decisions` the digests of the
    newest `DECISIONS` decisions, oldest first; `marks` the next offset of each input topic in the
    cluster `incarnation`; `alarms` the times at which the taste was found to have changed;
    `consent` None when never asked; `erased_at` > 0 is a headstone: what happened up to that second
    is never learned.
    """

    sums: Sums = field(default_factory=lambda: _NO_SUMS)
    epoch: int = 0
    last: int = 0
    reactions: int = 0
    detector: State = FRESH
    alarms: tuple[int, ...] = ()
    ring: Ring = field(default_factory=lambda: _NO_RING)
    decisions: tuple[int, ...] = ()
    incarnation: int = 0
    marks: tuple[int, ...] = (0,) * TOPICS
    consent: bool | None = None
    opted_out: bool = False
    erased_at: int = 0

    def pack(self) -> bytes:
        """At most 7.5 kB; about 0.2 kB for somebody who never reacted."""
        # The last of the sums is the weight of all reactions: where there is some, nothing else
        # needs looking at.
        sums = self.sums.tobytes() if self.sums[-1] or self.sums.any() else b""
        decisions = struct.pack(f"<{len(self.decisions)}Q", *self.decisions)
        body = b"".join((self._header(bool(sums)), sums, self.ring.tobytes(), decisions))
        return body + _CRC.pack(zlib.crc32(body))

    def _header(self, has_sums: bool) -> bytes:
        flags = (
            _CONSENTED * (self.consent is True)
            | _REFUSED * (self.consent is False)
            | _OPTED_OUT * self.opted_out
        )
        return _HEADER.pack(
            ROW_VERSION,
            flags | _HAS_SUMS * has_sums,
            FEATURES_VERSION,
            DIMENSION,
            self.epoch,
            self.last,
            self.reactions,
            self.erased_at,
            self.incarnation,
            *self.marks,
            *self.detector,
            *self.alarms,
            *(0,) * (ALARMS - len(self.alarms)),
            len(self.ring),
            len(self.decisions),
        )

    @classmethod
    def unpack(cls, data: bytes) -> UserRow:
        """The row that `pack` wrote.

        One of an earlier feature recipe had what was added since at 0; one of an unknown recipe
        keeps all but what its features taught (`is_outdated` tells beforehand). Raises
        ModelError `row_corrupt`: the caller sets the bytes aside and starts from `UserRow()`.
        """
        if len(data) < _HEADER.size + _CRC.size or data[0] != ROW_VERSION:
            raise _corrupt(
                f"a row of version {ROW_VERSION}, "
                f"{len(data)} bytes of version {data[:1].hex() or 'nothing'}"
            )
        if zlib.crc32(memoryview(data)[:-4]) != _CRC.unpack_from(data, len(data) - 4)[0]:
            raise _corrupt("its checksum to match, another checksum")
        return _sections(data)

    def moments(self, now: float) -> Floats:
        """float64 [size(DIMENSION)]: the sums as reactions weigh at `now` (seconds).

        The end of their half-life is at most one away, else a clock was ahead.
        """
        return self.sums * (2.0 ** min(self.epoch + 1 - now / HALF_LIFE, 1.0) / SCALE)

    def until(self, now: float) -> UserRow:
        """The row as if what it has of the far future had happened about `now` (seconds).

        All of it moves back by whole half-lives, so the sums stay what the ring says they are.
        """
        ahead = self.epoch - int(now // HALF_LIFE)
        if ahead <= _FARTHEST and self.erased_at <= now + _FARTHEST * HALF_LIFE:
            return self
        back = HALF_LIFE * max(0, ahead)
        ring = self.ring.copy()
        ring["time"] = np.maximum(ring["time"].astype(np.int64) - back, 0)
        return replace(
            self,
            epoch=self.epoch - max(0, ahead),
            last=max(0, self.last - back),
            alarms=tuple(max(1, alarm - back) for alarm in self.alarms),
            ring=ring,
            erased_at=min(self.erased_at, int(now)),
        )

    def may_learn(self, opt_in: bool) -> bool:
        """With `opt_in` only those who agreed are learned from, else all but those who refused."""
        return self.consent is True or (self.consent is None and not opt_in)

    def covers(self, moment: float) -> bool:
        """Whether what happened then (seconds) is erased: to the second, as it is learned from."""
        return self.erased_at > 0 and int(moment) <= self.erased_at

    def is_applied(self, topic: int, offset: int, incarnation: int) -> bool:
        """Whether that record is already in this row; a mark of another cluster says nothing."""
        return incarnation == self.incarnation and offset < self.marks[topic]

    def marked(self, topic: int, offset: int, incarnation: int) -> UserRow:
        """The row with that record noted as applied."""
        marks = list(self.marks) if incarnation == self.incarnation else [0] * TOPICS
        marks[topic] = max(marks[topic], offset + 1)
        return replace(self, marks=tuple(marks), incarnation=incarnation)

    def unmarked(self, topic: int) -> UserRow:
        """The row without the mark of a topic."""
        return replace(self, marks=(*self.marks[:topic], 0, *self.marks[topic + 1 :]))

    def remembering(self, decision: int) -> tuple[UserRow, tuple[int, ...]]:
        """The row with one more decision, and the decisions that it no longer remembers."""
        if decision in self.decisions:
            return self, ()
        decisions = (*self.decisions, decision)
        return replace(self, decisions=decisions[-DECISIONS:]), decisions[:-DECISIONS]


def readable(data: bytes) -> UserRow | None:
    """The row in a record; None for bytes that are none."""
    try:
        return UserRow.unpack(data)
    except ModelError:
        return None


def is_outdated(data: bytes) -> bool:
    """Whether the row is of an unknown feature recipe, so that its sums say nothing to this one."""
    return len(data) >= _HEADER.size and not _is_known(*_HEADER.unpack_from(data)[2:4])


def _is_known(features: int, d: int) -> bool:
    return DIMENSIONS.get(features) == d


def _sections(data: bytes) -> UserRow:
    _, flags, features, d, epoch, last, reactions, erased_at, incarnation, *rest = (
        _HEADER.unpack_from(data)
    )
    ring_length, decisions_length = rest[-2:]
    ring_at = _HEADER.size + (4 * size(d) if flags & _HAS_SUMS else 0)
    decisions_at = ring_at + ENTRY.itemsize * ring_length
    if decisions_at + 8 * decisions_length + _CRC.size != len(data):
        raise _corrupt(f"{decisions_at + 8 * decisions_length + _CRC.size} bytes, {len(data)}")
    row = UserRow(
        sums=np.frombuffer(data, _SUMS, size(d), _HEADER.size) if flags & _HAS_SUMS else _NO_SUMS,
        epoch=epoch,
        last=last,
        reactions=reactions,
        detector=tuple(rest[TOPICS : TOPICS + 4]),
        alarms=tuple(time for time in rest[TOPICS + 4 : -2] if time),
        ring=np.frombuffer(data, ENTRY, ring_length, ring_at),
        decisions=struct.unpack_from(f"<{decisions_length}Q", data, decisions_at),
        incarnation=incarnation,
        marks=tuple(rest[:TOPICS]),
        consent=True if flags & _CONSENTED else False if flags & _REFUSED else None,
        opted_out=bool(flags & _OPTED_OUT),
        erased_at=erased_at,
    )
    if not _is_known(features, d):
        return _without_sums(row)
    if d != DIMENSION and flags & _HAS_SUMS:
        row = replace(row, sums=widened(row.sums.astype(np.int64), DIMENSION).astype(_SUMS))
    return _checked(row)


def _checked(row: UserRow) -> UserRow:
    if not all(map(isfinite, row.detector)) or (row.sums[_DIAGONAL] < 0).any():
        raise _corrupt("finite numbers and a non-negative diagonal, others")
    return row


def _without_sums(row: UserRow) -> UserRow:
    """Signals of an older recipe still count as seen, but have nothing left to take back."""
    ring = row.ring.copy()
    ring["weight"] = 0
    return replace(row, sums=_NO_SUMS, ring=ring, reactions=0, detector=FRESH, alarms=())


def _corrupt(expected_and_got: str) -> ModelError:
    expected, _, got = expected_and_got.rpartition(", ")
    return ModelError(
        "row_corrupt",
        f"a preference row needs {expected}, got {got}; set it aside and start from the prior",
    )
