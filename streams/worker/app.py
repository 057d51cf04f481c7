"""A Faust app as every role needs it: safe settings, our transport, raw bytes, a health page."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from hashlib import sha256
from typing import Any, TypeVar

import faust
from faust.types.auth import AuthProtocol
from yarl import URL

from streams.clients.fetching import close_whole
from streams.clients.follower import Follower
from streams.clients.kafka import ReplyTopics, ssl_context
from streams.clients.records import accept_any_header_name
from streams.settings import Settings
from streams.wire import topics
from streams.wire.limits import MAX_REQUEST_BYTES
from streams.wire.roles import Role
from streams.worker.delivery import Output, Publish
from streams.worker.health import HealthPage
from streams.worker.inbox import Agent, Inbox
from streams.worker.outbox import Outbox
from streams.worker.table_files import scrub
from streams.worker.tables import DeclaredTables, LoggedTable, table
from streams.worker.transport import Transport

E = TypeVar("E")

log = logging.getLogger(__name__)

# A worker that does not poll for this long leaves its group and never comes back: a Faust issue.
_NEVER = 604_800.0
# How long a worker may keep a rebalance waiting: the longest deadline and a little.
_REBALANCE = 630.0
# Scrubbing the tables' files rests this many times as long as it took.
_REST = 9


class RoleApp(faust.App):
    """The Faust app of one role, with its settings and what must run beside its agents.

    What the role does not declare cannot be bound, followed, kept or written: every method raises
    NotReady (undeclared), so that a worker with a mistake in it does not start.
    """

    def __init__(self, role: Role, settings: Settings, **options: Any) -> None:
        accept_any_header_name()
        close_whole()
        self.role = role
        self.genre_settings = settings
        self.fetch_wait = settings.fetch_wait
        self.preparations: list[Callable[[], Awaitable[None]]] = []
        self.counts: Counter[str] = Counter()
        self.inboxes: dict[str, Inbox[Any]] = {}
        self._deleted = asyncio.Event()
        self._followers: list[Follower[Any]] = []
        self._replies = ReplyTopics(settings)
        super().__init__(settings.topic(role.name), **_options(role.name, settings), **options)
        self.transport = Transport(self.conf.broker_consumer, self)
        if role.tables and settings.store == "rocksdb://":
            self.task(self._scrub)

    def bind(self, name: str, agent: Agent[E]) -> None:
        """Bind a pure agent to the topic that the role's agent `name` reads: one in-order actor."""
        declared = self.role.agent(name)
        topic = topics.BY_NAME[declared.reads]
        full_name = self.genre_settings.topic(topic.name)
        channel = self.topic(full_name, key_type=bytes, value_type=bytes, value_serializer="raw")

        async def run(stream: Any) -> None:
            inbox = Inbox[E](
                topic,
                self._outbox(declared.writes),
                group=self.genre_settings.topic(self.role.name),
                partitions=self.genre_settings.partitions,
                consumer=lambda: self.consumer,
                flush=self.flush,
            )
            self.inboxes[topic.name] = inbox
            await inbox.run(stream, agent)

        self.agent(channel, name=name)(run)

    def follow(self, topic: str, on_change: Callable[[str, Any], None]) -> None:
        """Have `on_change(key, event)` called for every record of a topic, from its first on."""
        self.role.check("follow", topic, self.role.follows)
        self._followers.append(Follower(self.genre_settings, topics.BY_NAME[topic], on_change))

    def keep(self, name: str) -> LoggedTable:
        """A table of the role, changelogged."""
        self.role.check("keep", name, self.role.tables)
        kept = table(self, name, self.genre_settings.partitions)
        kept.on_recover(self._recovered)
        return kept

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

    def beside(self, name: str, work: Callable[[Publish], Awaitable[None]]) -> None:
        """Run the role's timer `name` beside its agents; it is given what it publishes with."""
        declared = self.role.timer(name)

        async def run() -> None:
            outbox = self._outbox(declared.writes)
            await work(lambda event: outbox.publish(Output(event=event)))

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

    async def flush(self) -> None:
        """Wait until every row that was written so far stands in its changelog."""
        for each in self.tables.values():
            await each.flush()

    def state(self) -> dict[str, Any]:
        """What the health page tells."""
        return {
            "role": self.role.name,
            "ready": self.ready,
            "in_flight": {topic: inbox.in_flight for topic, inbox in self.inboxes.items()},
            "counts": dict(self.counts),
            "unacknowledged": {name: each.unacknowledged for name, each in self.tables.items()},
        }

    async def on_first_start(self) -> None:
        """Faust makes its data folder, but not the folders above it."""
        self.conf.datadir.mkdir(parents=True, exist_ok=True)
        await super().on_first_start()

    async def on_start(self) -> None:
        """Prepare, and catch up with the followed topics, before the role joins its group."""
        for prepare in self.preparations:
            await prepare()
        await asyncio.gather(*(follower.start() for follower in self._followers))
        await super().on_start()

    async def on_stop(self) -> None:
        """Stop following, then as Faust does."""
        for follower in self._followers:
            await follower.stop()
        await super().on_stop()

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
        "datadir": _datadir(role, settings),
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


def _datadir(role: str, settings: Settings) -> str:
    # Never reuse rows and changelog offsets of another cluster, prefix or embedded broker's run.
    cluster = f"{settings.brokers}/{settings.prefix}/{settings.incarnation}"
    return str(settings.state / sha256(cluster.encode()).hexdigest()[:12] / role)


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
