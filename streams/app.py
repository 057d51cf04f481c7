"""A Faust app as every role needs it: safe settings, our transport, raw bytes in, and a health page."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from hashlib import sha256
from typing import Any, TypeVar

import faust
from faust.types.auth import AuthProtocol
from yarl import URL

from streams.delivery import Delivery, Outputs
from streams.health import HealthPage
from streams.inbox import Inbox
from streams.kafka import MAX_REQUEST_BYTES, ReplyTopics, ssl_context
from streams.outbox import Outbox
from streams.records import accept_any_header_name
from streams.settings import Settings
from streams.tables import DeclaredTables
from streams.topics import BY_NAME
from streams.transport import Transport

E = TypeVar("E")

# A worker that does not poll for this long leaves its group and never comes back (Faust issue, notes in ARCHITECTURE).
_NEVER = 604_800.0
# Longest that a worker may keep its group waiting in a rebalance: the longest deadline and a little.
_REBALANCE = 630.0


class RoleApp(faust.App):
    """The Faust app of one role, with its settings, its outbox and what must run beside its agents."""

    def __init__(self, role: str, settings: Settings, **options: Any) -> None:
        accept_any_header_name()
        self.role = role
        self.genre_settings = settings
        self.fetch_wait = settings.fetch_wait
        self.preparations: list[Callable[[], Awaitable[None]]] = []
        self.followers: list[Any] = []
        self.counts: Counter[str] = Counter()
        self.inboxes: dict[str, Inbox[Any]] = {}
        super().__init__(settings.topic(role), **_options(role, settings), **options)
        self.transport = Transport(self.conf.broker_consumer, self)
        self._outbox: Outbox | None = None

    @property
    def outbox(self) -> Outbox:
        """Publishes this role's outputs (made on first use: Faust's producer needs the running loop)."""
        if self._outbox is None:
            settings = self.genre_settings
            self._outbox = Outbox(
                self.producer, prefix=settings.prefix, source=f"/genre/{self.role}", replies=ReplyTopics(settings)
            )
        return self._outbox

    def on_init_dependencies(self) -> list[Any]:
        """The health page runs as long as the app."""
        settings = self.genre_settings
        page = HealthPage(self.state, bind=settings.health_bind, port=settings.health_port, loop=self.loop)
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
            "role": self.role,
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
        """Prepare, and catch up with the topics that this role follows, before it joins its group."""
        for prepare in self.preparations:
            await prepare()
        await asyncio.gather(*(follower.start() for follower in self.followers))
        await super().on_start()

    async def on_stop(self) -> None:
        """Stop following, then as Faust does."""
        for follower in self.followers:
            await follower.stop()
        await super().on_stop()

    @property
    def ready(self) -> bool:
        """Whether partitions are assigned, tables are recovered and events flow."""
        return self.started and not self.rebalancing and self.flow_control.is_active()


def bind(app: RoleApp, topic_name: str, agent: Callable[[AsyncIterator[Delivery[E]]], Outputs], *, name: str) -> None:
    """Bind a pure agent to its topic: one in-order actor that reads raw bytes."""
    settings = app.genre_settings
    topic = BY_NAME[topic_name]
    channel = app.topic(settings.topic(topic.name), key_type=bytes, value_type=bytes, value_serializer="raw")

    async def run(stream: Any) -> None:
        inbox = Inbox[E](
            topic,
            app.outbox,
            group=settings.topic(app.role),
            partitions=settings.partitions,
            consumer=lambda: app.consumer,
            flush=app.flush,
        )
        app.inboxes[topic.name] = inbox
        await inbox.run(stream, agent)

    app.agent(channel, name=name)(run)


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
    # Rows and changelog offsets of another cluster, prefix or run of the embedded broker are never reused.
    place = sha256(f"{settings.brokers}/{settings.prefix}/{settings.incarnation}".encode()).hexdigest()[:12]
    return str(settings.state / place / role)


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
