"""What an agent sees: deliveries in, outputs out. No Faust, so a test feeds an agent a list."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Generic, TypeVar

import msgspec

from schemas.errors import InvalidEvent, NotReady
from schemas.parts import ReplyTo
from streams.wire.codecs import decode
from streams.wire.headers import text
from streams.wire.source import Source
from streams.wire.times import dated
from streams.wire.topics import Topic

E = TypeVar("E")

TRANSIENT = (NotReady, OSError)
"""What may succeed later as it is: a disk, a network, something that is not ready."""

log = logging.getLogger(__name__)


@dataclass(slots=True, kw_only=True)
class Delivery(Generic[E]):
    """One decoded event with its source, finished when its `with` block ends.

    An exception inside the block does not leave it: it becomes the delivery's `failure`, hence its
    dead letter, and the agent goes on with the next one. Cancellation passes through and leaves the
    delivery unfinished; so does a failure of what surrounds us, as long as it `is_retried`.
    """

    event: E
    source: Source
    id: str
    """The idempotency key: `ce_id`, or derived from the record's place and time."""
    is_redated: bool = False
    """Whether the event named a time that its record does not bear out."""
    finished: bool = False
    failure: Exception | None = None
    attempts: int = 1
    """How often it was tried, this time included."""
    is_retried: bool = False
    """Whether it is given to the agent once more if what it needs is not there."""
    on_finished: Callable[[], None] | None = None

    def __enter__(self) -> E:
        return self.event

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        if error is not None and not isinstance(error, Exception):
            return False
        if error is not None:
            log.warning("%s: %s", self.source, error)
            self.failure = error
            if self.is_retried and isinstance(error, TRANSIENT):
                return True
        self.finished = True
        if self.on_finished is not None:
            self.on_finished()
        return True

    @property
    def received(self) -> datetime:
        """The record's own time."""
        return datetime.fromtimestamp(self.source.timestamp, UTC)

    @property
    def happened(self) -> datetime:
        """The moment that the event names, at most the record's: no clock silences the future."""
        named: datetime | None = getattr(self.event, "time", None)
        return min(named or self.received, self.received)

    def given_id(self, kind: Any) -> str:
        """The event's id where it is a valid one of this `kind`, else the record's derived one."""
        try:
            return str(msgspec.convert(self.id, kind))
        except msgspec.ValidationError:
            return self.source.derived_id

    def output(self, event: object, *, reply: ReplyTo | None = None) -> Output:
        """An event that this delivery causes; `reply` also sends it to the client's own topic."""
        return Output(event=event, cause=self, reply=reply)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tombstone:
    """Deletes a key from a compacted topic; `topic` is the short name."""

    topic: str
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """An event (or a Tombstone) to publish; the broker has it before its cause is committed."""

    event: object
    cause: Delivery[Any] | None = None
    reply: ReplyTo | None = None


Outputs = AsyncGenerator[Output, None]

Publish = Callable[[object], Awaitable[None]]
"""Publishes an event; returns when the broker has it."""


def opened(source: Source, topic: Topic) -> Delivery[Any]:
    """The delivery of a record; one that cannot be decoded is finished and has failed.

    What happened, happened before its record was written: a later `time` becomes the record's.
    """
    ce_id = text(source.headers, "ce_id") or source.derived_id
    try:
        named = decode(source.value, topic.event, names_once=topic.written_by_clients)
        event = dated(named, source.timestamp)
        return Delivery(event=event, source=source, id=ce_id, is_redated=event is not named)
    except InvalidEvent as error:
        return Delivery(event=None, source=source, id=ce_id, finished=True, failure=error)
