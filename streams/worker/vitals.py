"""What must move in a worker: fetches, events in hand, commits, the way to readiness.

Of each partition that it reads: how far it was fetched, processed and committed, what is left, and
how long ago each of these last changed.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import Any, Protocol

from streams.clients.pulse import Fetched, fatal, fetches, knows_its_coordinator
from streams.ending import give_up
from streams.worker.inbox import Inbox
from streams.worker.watchdog import Due

# Seconds without an answer from a partition's leader, beside what a fetch may wait for records.
_NO_ANSWER = 5.0


class Age(Protocol):
    """Tells for how long a value has not changed."""

    def __call__(self, key: Hashable, value: object) -> float: ...


class Vitals:
    """Of one RoleApp; `limit` is the longest that it may stand, in seconds."""

    def __init__(self, app: Any, *, limit: float) -> None:
        self._app = app
        self._limit = limit
        self._no_answer = min(_NO_ANSWER + 2 * app.genre_settings.fetch_wait, limit / 2)

    def look(self) -> Iterator[Due]:
        """What is due now. Ends the process where aiokafka will never go on."""
        yield from self._readiness()
        for follower in self._app.followers:
            if follower.consumer is not None:
                yield from self._fetching(follower.consumer, fetches(follower.consumer))
        consumer = self._app.consumer.reader
        if consumer is None:
            return
        if (error := fatal(consumer)) is not None:
            give_up(f"the consumer cannot go on: {type(error).__name__}: {error}", error)
        if not knows_its_coordinator(consumer):
            yield self._due("coordinator", "the group has no coordinator", None)
        yield from self._fetching(consumer, self._own(consumer))
        for topic, inbox in self._app.inboxes.items():
            yield from self._processing(topic, inbox)
        yield from self._committing(consumer)

    def partitions(self, age: Age) -> dict[str, dict[str, Any]]:
        """Of every partition that is read: offsets, what is left, and the ages in seconds."""
        consumer = self._app.consumer.reader
        own = self._own(consumer) if consumer is not None else {}
        return {
            f"{topic}[{partition}]": self._partition((topic, partition), fetched, age)
            for (topic, partition), fetched in sorted(own.items())
        }

    def _partition(
        self, place: tuple[str, int], fetched: Fetched, age: Age
    ) -> dict[str, int | float | None]:
        committed, processed = self._committed(place), self._processed(place)
        in_hand = processed is not None and self._in_hand(place)
        done = max((each for each in (committed, processed) if each is not None), default=0)
        is_read = fetched.position is not None and fetched.position >= (fetched.end or 0)
        left = 0 if is_read and not in_hand else max(0, (fetched.end or 0) - done)
        return {
            "fetched": fetched.position,
            "processed": processed,
            "committed": committed,
            "end": fetched.end,
            "lag": left,
            "answered_age": age(("answered", place), fetched.answered),
            "fetched_age": age(("fetched", place), fetched.position),
            "processed_age": age(("processed", place), processed),
            "committed_age": age(("committed", place), committed),
        }

    @property
    def doing(self) -> str | None:
        """What keeps the worker from being ready, if it is not."""
        if self._app.ready:
            return None
        if self._app.rebalancing:
            return "rebalancing"
        return "recovering" if self._app.tables.recovery.in_recovery else "starting"

    def _readiness(self) -> Iterator[Due]:
        app = self._app
        if app.ready:
            return
        recovery = app.tables.recovery
        followed = [
            each.position
            for follower in app.followers
            if follower.consumer is not None
            for each in fetches(follower.consumer).values()
        ]
        # A group waits for its slowest member for that long.
        limit = app.conf.broker_rebalance_timeout + self._limit
        yield Due(
            name="ready",
            stands=f"this worker has been {self.doing}",
            value=(dict(recovery.active_offsets), followed),
            limit=limit,
            notice=self._limit,
        )

    def _fetching(self, consumer: Any, partitions: dict[tuple[str, int], Fetched]) -> Iterator[Due]:
        for (topic, partition), fetched in partitions.items():
            # What was fetched waits where the agents have enough: then they must stir.
            waiting = self._stirring() if fetched.buffered else None
            yield self._due(
                f"fetched {id(consumer)} {topic}[{partition}]",
                f"nothing is heard of {topic}[{partition}]",
                (fetched.answered, fetched.position, waiting),
            )

    def _processing(self, topic: str, inbox: Inbox[Any]) -> Iterator[Due]:
        if inbox.in_flight or self._queued(topic):
            yield Due(
                name=f"processing {topic}",
                stands=f"nothing of {topic} is processed",
                value=inbox.stirring,
                limit=self._limit,
                notice=self._limit,
                blamed=True,
            )
        for partition, waiting in inbox.heads.items():
            limit = inbox.slowest + self._limit
            yield Due(
                name=f"head {topic}[{partition}]",
                stands=f"{topic}[{partition}]@{waiting} is not finished",
                value=waiting,
                limit=limit,
                notice=limit,
                blamed=True,
            )

    def _committing(self, consumer: Any) -> Iterator[Due]:
        for place in self._own(consumer):
            processed, committed = self._processed(place), self._committed(place)
            if processed is not None and processed > (committed or 0):
                yield Due(
                    name=f"committing {place}",
                    stands=f"nothing of {place[0]}[{place[1]}] is committed",
                    value=committed,
                    limit=self._limit,
                    notice=self._limit,
                )

    def _due(self, name: str, stands: str, value: object) -> Due:
        return Due(name=name, stands=stands, value=value, limit=self._limit, notice=self._no_answer)

    def _own(self, consumer: Any) -> dict[tuple[str, int], Fetched]:
        """The partitions that agents read: changelogs are read in a recovery alone."""
        read = {self._full(topic) for topic in self._app.inboxes}
        return {place: each for place, each in fetches(consumer).items() if place[0] in read}

    def _full(self, topic: str) -> str:
        return str(self._app.genre_settings.topic(topic))

    def _inbox(self, place: tuple[str, int]) -> Inbox[Any]:
        inbox: Inbox[Any] = self._app.inboxes[
            place[0].removeprefix(self._app.genre_settings.prefix)
        ]
        return inbox

    def _in_hand(self, place: tuple[str, int]) -> bool:
        return place[1] in self._inbox(place).heads

    def _processed(self, place: tuple[str, int]) -> int | None:
        return self._inbox(place).processed.get(place[1])

    def _committed(self, place: tuple[str, int]) -> int | None:
        offset: int | None = self._app.consumer.committed(*place)
        return offset

    def _queued(self, topic: str) -> int:
        return sum(
            channel.queue.qsize()
            for channel in self._app.topics
            if channel.get_topic_name() == self._full(topic)
        )

    def _stirring(self) -> object:
        recovered = dict(self._app.tables.recovery.active_offsets)
        return recovered, [inbox.stirring for inbox in self._app.inboxes.values()]
