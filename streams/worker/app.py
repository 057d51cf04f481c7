"""A Faust app as every role needs it: safe settings, our transport, raw bytes, a health page."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

import faust
from faust.exceptions import FaustError
from faust.types.auth import AuthProtocol
from yarl import URL

from schemas.errors import NotReady, Rejected
from streams.clients.follower import Follower
from streams.clients.kafka import FAILURES, cluster_id, harden_consumers, ssl_context
from streams.clients.replies import Replies
from streams.ending import before_giving_up
from streams.settings import Settings
from streams.wire import topics
from streams.wire.limits import MAX_REQUEST_BYTES
from streams.wire.roles import Role, first_reader
from streams.worker.attempts import Attempts
from streams.worker.delivery import Output, Publish
from streams.worker.fence import Fence
from streams.worker.health import HealthPage
from streams.worker.inbox import Agent, Inbox
from streams.worker.outbox import Outbox
from streams.worker.table_files import scrub
from streams.worker.tables import DeclaredTables, LoggedTable, table
from streams.worker.transport import Transport
from streams.worker.vitals import Vitals
from streams.worker.watchdog import Due, Watchdog

E = TypeVar("E")

log = logging.getLogger(__name__)

# A worker that does not poll for this long leaves its group and never comes back: a Faust issue.
_NEVER = 604_800.0
# Seconds until a timer begins again.
_AGAIN = 10.0
# Seconds. What a rebalance finds under way may end within the first; a worker that has not come
# back after the second is left out. Requests wait meanwhile, so both are short.
_PATIENCE, _REBALANCE = 2.0, 10.0
# The part of a stop's limit in which events may end; the rest is for commits and goodbyes.
_FINISHING = 0.8
# Scrubbing the tables' files rests this many times as long as it took.
_REST = 9


class RoleApp(faust.App):
    """The Faust app of one role, with its settings and what must run beside its agents.

    What the role does not declare cannot be bound, followed, kept or written: every method raises
    NotReady (undeclared), so that a worker with a mistake in it does not start.
    """

    def __init__(self, role: Role, settings: Settings, **options: Any) -> None:
        harden_consumers()
        self.role = role
        self.genre_settings = settings
        self.preparations: list[Callable[[], Awaitable[None]]] = []
        self.counts: Counter[str] = Counter()
        self.facts: dict[str, str] = {}
        """What the health page says of this process as long as it runs."""
        self.inboxes: dict[str, Inbox[Any]] = {}
        self.letters: defaultdict[str, Counter[str]] = defaultdict(Counter)
        """Dead letters that were written, by topic and code."""
        self._attempts = Attempts()
        self._awaited: set[str] = set()
        self.followers: list[Follower[Any]] = []
        self._vitals = Vitals(self, limit=settings.standstill)
        self._watchdog = Watchdog(self._look, limit=settings.standstill)
        self._partitions: dict[str, Any] = {}
        self._replies = Replies(settings)
        self.fence = Fence(
            settings,
            lambda generation: self.consumer.confirms(generation),
            lambda: self.assignor.assigned_actives(),
        )
        self._deleted = asyncio.Event()
        super().__init__(settings.topic(role.name), **_options(role.name, settings), **options)
        self.transport = Transport(self.conf.broker_consumer, self)
        if role.tables and settings.store == "rocksdb://":
            self.task(self._scrub)

    def bind(
        self,
        name: str,
        agent: Agent[E],
        *,
        slowest: float = 0.0,
        alive: Callable[[], object] = lambda: None,
    ) -> None:
        """Bind a pure agent to the topic that the role's agent `name` reads: one in-order actor.

        One event may take `slowest` seconds longer than the worker may stand, if what `alive` tells
        changes as long as the work is under way.
        """
        declared = self.role.agent(name)
        topic = topics.BY_NAME[declared.reads]
        full_name = self.genre_settings.topic(topic.name)
        channel = self.topic(full_name, key_type=bytes, value_type=bytes, value_serializer="raw")

        async def run(stream: Any) -> None:
            while not self.should_stop:
                inbox = Inbox[E](
                    topic,
                    self._outbox(declared.writes),
                    group=self.genre_settings.topic(self.role.name),
                    partitions=self.genre_settings.partitions,
                    consumer=lambda: self.consumer,
                    vouches=self.role.name == first_reader(topic.name),
                    flush=self.flush,
                    counts=self.counts,
                    slowest=slowest,
                    alive=alive,
                    attempts=self._attempts,
                    letters=self.letters[topic.name],
                )
                self.inboxes[topic.name] = inbox
                await inbox.run(stream, agent)
                # Closes what still iterates over the stream, and makes it ready for another time.
                await stream.stop()
                stream.service_reset()

        self.agent(channel, name=name)(run)

    def follow(self, topic: str, on_change: Callable[[str, Any], None]) -> None:
        """Have `on_change(key, event)` called for every record of a topic, from its first on."""
        self.role.check("follow", topic, self.role.follows)
        self.followers.append(Follower(self.genre_settings, topics.BY_NAME[topic], on_change))

    def keep(self, name: str, indexed: Callable[[bytes], bool] | None = None) -> LoggedTable:
        """A table of the role, changelogged; `indexed` rows are found without the others."""
        self.role.check("keep", name, self.role.tables)
        kept = table(self, name, self.genre_settings.partitions, indexed)
        if len(self.tables) == 1:
            self.task(self.fence.run)
        kept.on_recover(partial(self._own, kept))
        kept.on_recover(self._recovered)
        return kept

    async def _own(self, kept: LoggedTable) -> None:
        """Own the partitions of a table that was recovered."""
        last = self.tables.recovery.active_highwaters
        ends = {tp: offset + 1 for tp, offset in last.items()}
        await self.fence.own(
            kept, {tp: end for tp, end in ends.items() if tp.topic == kept.changelog_topic_name}
        )

    def scrub_soon(self) -> None:
        """Have what was deleted from the tables leave their files too, in some seconds."""
        self._deleted.set()

    async def _recovered(self) -> None:
        # Partitions may have gone, or come with files that somebody was erased from meanwhile.
        self.scrub_soon()

    async def _scrub(self) -> None:
        while await self._deleted.wait():
            begun = time.monotonic()
            if self.ready:
                self._deleted.clear()
                await self._scrub_once()
            await asyncio.sleep(1.0 + _REST * (time.monotonic() - begun))

    async def _scrub_once(self) -> None:
        databases = {
            folder: database
            for each in self.tables.values()
            for folder, database in each.databases().items()
        }
        state = self.genre_settings.state
        try:
            await asyncio.to_thread(scrub, state, self.role.name, databases)
        except Exception:
            self.counts["scrub_failed"] += 1
            log.exception("what was deleted may stand in the tables' files")
            self.scrub_soon()

    def beside(
        self, name: str, work: Callable[[Publish], Awaitable[None]], *, awaited: bool = False
    ) -> None:
        """Run the role's timer `name` beside its agents; it is given what it publishes with.

        The worker is not called ready before work that is `awaited` has ended, or failed, once.
        """
        declared = self.role.timer(name)
        if awaited:
            self._awaited.add(name)

        async def run() -> None:
            """Begins again after what data may cause; a broker that is gone ends the worker."""
            outbox = self._outbox(declared.writes)

            async def publish(event: object) -> None:
                try:
                    await outbox.publish(Output(event=event))
                except Rejected as error:
                    self.counts[error.code] += 1
                    log.warning("%s: %s", name, error)

            while True:
                try:
                    return await work(publish)
                except (*FAILURES, FaustError, NotReady):
                    raise
                except Exception as error:
                    self.counts["timer_failed"] += 1
                    log.error("%s: begins again after %s", name, type(error).__name__)
                finally:
                    self._awaited.discard(name)
                await asyncio.sleep(_AGAIN)

        self.task(run)

    def _outbox(self, writes: tuple[str, ...]) -> Outbox:
        """Made where it is used: Faust's producer needs the running loop."""
        return Outbox(
            self.producer,
            role=self.role,
            writes=writes,
            prefix=self.genre_settings.prefix,
            replies=self._replies,
        )

    def on_init_dependencies(self) -> list[Any]:
        """The health page runs as long as the app."""
        settings = self.genre_settings
        page = HealthPage(
            self.state, bind=settings.health_bind, port=settings.health_port, loop=self.loop
        )
        services = [*super().on_init_dependencies(), page]
        # Faust's monitor counts and times every step of every event, and nobody reads it.
        self.sensors.remove(self.monitor)
        return services

    async def ends(self) -> dict[tuple[str, int], int]:
        """Where the assigned partitions of the agents' topics end, by topic and partition.

        Nothing where the broker does not say.
        """
        read = {self.genre_settings.topic(agent.reads) for agent in self.role.agents}
        assigned = [each for each in self.consumer.assignment() if each.topic in read]
        try:
            ends = await self.consumer.highwaters(*assigned)
        except Exception as error:
            # Faust swallows what leaves a callback after a recovery.
            log.warning("the partitions' ends are not known: %s", type(error).__name__)
            return {}
        return {(each.topic, each.partition): end for each, end in ends.items()}

    async def flush(self) -> None:
        """Wait until every row that was written so far stands in its changelog."""
        for each in self.tables.values():
            await each.flush()

    def state(self) -> dict[str, Any]:
        """What the health page tells."""
        return {
            "role": self.role.name,
            "ready": self.ready and self._watchdog.reason is None and not self._awaited,
            "reason": self._watchdog.reason or self._vitals.doing or self._begins,
            "partitions": self._partitions,
            "dead_letters": self.letters,
            "in_flight": {topic: inbox.in_flight for topic, inbox in self.inboxes.items()},
            "counts": dict(self.counts),
            **self.facts,
            "unacknowledged": {name: each.unacknowledged for name, each in self.tables.items()},
        }

    @property
    def _begins(self) -> str | None:
        """What must run once before the worker is ready, however long it takes."""
        names = ", ".join(sorted(self._awaited))
        return f"before its first {names}" if names else None

    def _look(self) -> Iterable[Due]:
        self._partitions = self._vitals.partitions(self._watchdog.age)
        return self._vitals.look()

    @property
    def patience(self) -> float:
        """Seconds for which a rebalance or a stop waits for the events that are under way."""
        return self.genre_settings.stop_limit * _FINISHING if self.should_stop else _PATIENCE

    async def abandon(self) -> None:
        """Give up all events under way: their partitions' next owner is given them again."""
        await asyncio.gather(*(inbox.abandon() for inbox in self.inboxes.values()))

    def _on_rebalance_when_stopped(self) -> None:
        """Nothing: a worker that stops leaves its group when its events have ended.

        Faust would close the consumer in the middle of that, and in the wrong thread: commits that
        wait for it never end.
        """

    async def on_first_start(self) -> None:
        """Choose the data folder; Faust makes it, but not the folders above it."""
        self.conf.datadir = await _folder(self.role.name, self.genre_settings)
        self.conf.datadir.mkdir(parents=True, exist_ok=True)
        await super().on_first_start()

    async def on_start(self) -> None:
        """Prepare, and catch up with the followed topics, before the role joins its group."""
        self._watchdog.start()
        self._attempts = Attempts(self.conf.datadir / "attempts")
        before_giving_up(self._attempts.forgive)
        for prepare in self.preparations:
            await prepare()
        await asyncio.gather(*(follower.start() for follower in self.followers))
        await super().on_start()

    async def on_stop(self) -> None:
        """Stop following, then as Faust does; then what clients still wait for has a moment."""
        self._watchdog.stop()
        self._attempts.forgive()
        for follower in self.followers:
            await follower.stop()
        await super().on_stop()
        await self._replies.stop()

    @property
    def ready(self) -> bool:
        """Whether partitions are assigned, tables are recovered and events flow."""
        return self.started and not self.rebalancing and self.flow_control.is_active()


def _options(role: str, settings: Settings) -> dict[str, Any]:
    return {
        "broker": [URL(f"kafka://{broker.strip()}") for broker in settings.brokers.split(",")],
        "broker_max_poll_interval": _NEVER,
        "broker_max_poll_records": 200,
        "broker_session_timeout": settings.session_timeout,
        "broker_heartbeat_interval": settings.heartbeat,
        "broker_rebalance_timeout": _REBALANCE,
        "broker_request_timeout": max(60.0, settings.session_timeout),
        "broker_commit_interval": 1.0,
        "consumer_max_fetch_size": MAX_REQUEST_BYTES,
        "consumer_auto_offset_reset": "earliest",
        "producer_acks": -1,
        "producer_linger": settings.linger,
        "producer_max_request_size": MAX_REQUEST_BYTES,
        "producer_request_timeout": 60.0,
        "store": settings.store,
        "datadir": str(settings.state),  # until the cluster has told its id
        "TableManager": DeclaredTables,
        "table_standby_replicas": 0,
        "topic_partitions": settings.partitions,
        "topic_replication_factor": settings.replication,
        "topic_allow_declare": False,
        "topic_disable_leader": True,
        "stream_wait_empty": True,
        "web_enabled": False,
        "web_tables_enabled": False,
        "web_router_enabled": False,
        "worker_redirect_stdouts": False,
        **_security(settings),
    }


async def _folder(role: str, settings: Settings) -> Path:
    """Where a worker's tables are: one place for a cluster, however its brokers are named.

    Never rows and changelog offsets of another cluster, prefix or embedded broker's run.
    """
    cluster = settings.incarnation or await cluster_id(settings)
    folder = settings.state / _digest(f"{cluster}/{settings.prefix}") / role
    # Earlier versions went by the brokers' addresses, which another cluster may have by now.
    former = _digest(f"{settings.brokers}/{settings.prefix}/{settings.incarnation}")
    if (settings.state / former / role).exists():
        log.warning(
            "%s holds tables of an earlier version; they are not used any more, all rows are read "
            "from the changelogs into %s; remove the former folder",
            settings.state / former / role,
            folder,
        )
    return folder


def _digest(name: str) -> str:
    return sha256(name.encode()).hexdigest()[:12]


def _security(settings: Settings) -> dict[str, Any]:
    if settings.security_protocol == "PLAINTEXT":
        return {}
    context = ssl_context(settings) if "SSL" in settings.security_protocol else None
    if not settings.security_protocol.startswith("SASL"):
        return {"ssl_context": context}
    credentials = faust.SASLCredentials(
        mechanism="SCRAM-SHA-512",
        username=settings.sasl_username,
        password=settings.sasl_password,
        ssl_context=context,
    )
    credentials.protocol = AuthProtocol[settings.security_protocol]
    return {"broker_credentials": credentials}
