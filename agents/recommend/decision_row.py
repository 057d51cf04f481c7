"""The row of a decision: what a request needs until its answer, and feedback afterwards."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import msgspec

from schemas.decisions import Decision
from schemas.errors import ModelError, discreet
from schemas.generations import ArmTask
from schemas.parts import Failure, GenreProbability, ReplyTo
from schemas.recommendations import Recommendation

_OPEN, _ANSWERED = b"O", b"A"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """What was passed on because of a reaction: the request's genre, or a text to train on.

    `feedback` is the reaction's id, `time` the reaction's, `text` the SHA-256 of a text.
    """

    feedback: str
    genre: str
    time: datetime
    text: str | None = None
    taken_back: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionRow:
    """One request of one user: open until `answer` is there.

    The answer is stored whole, so that a repeat publishes the same bytes. `seed` is that of chance,
    from which arms and order were drawn; texts have seeds of their own in `arms`. `prompt` is what
    was asked, where it is short enough to be suggested from, and the user may be learned from.
    """

    request_id: str
    user_id: str
    tenant: str | None
    deadline: datetime
    genres: tuple[GenreProbability, ...] = ()
    language: str | None = None
    context: dict[str, str] | None = None
    embedding: bytes | None = None
    reply: ReplyTo | None = None
    seed: int
    arms: tuple[ArmTask, ...] = ()
    lines: tuple[str, ...] = ()
    failure: Failure | None = None
    answer: Recommendation | None = None
    decision: Decision | None = None
    lessons: tuple[Lesson, ...] = ()
    prompt: str | None = None

    @property
    def correction(self) -> Lesson | None:
        """The genre to which the request was corrected last, if that was not taken back."""
        stand = [each for each in self.lessons if each.text is None and not each.taken_back]
        return max(reversed(stand), key=lambda each: each.time, default=None)

    @property
    def is_open(self) -> bool:
        """Whether the request still waits for its answer."""
        return self.answer is None

    def emptied(self, failure: Failure) -> DecisionRow:
        """What stays of an open request of an erased user: that it is answered with `failure`."""
        return DecisionRow(
            request_id=self.request_id,
            user_id=self.user_id,
            tenant=self.tenant,
            deadline=self.deadline,
            reply=self.reply,
            seed=0,
            failure=failure,
        )

    def pack(self) -> bytes:
        """A state byte and MessagePack; no pickle ever."""
        return (_OPEN if self.is_open else _ANSWERED) + _ENCODER.encode(self)

    @classmethod
    def unpack(cls, row: bytes) -> DecisionRow:
        """Raises ModelError (decision_corrupt) for bytes that are no such row."""
        try:
            return _DECODER.decode(row[1:])
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise ModelError(
                "decision_corrupt",
                f"Expected a decision row, got bytes that are none: {discreet(error)}",
            ) from error


def is_open(row: bytes) -> bool:
    """Whether a packed row is open, without unpacking it."""
    return row[:1] == _OPEN


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(DecisionRow)
