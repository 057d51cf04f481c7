"""Every topic in one place: its event, its key, an event's identity, and how Kafka keeps it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Literal

from schemas.adapters import AdapterEvent
from schemas.candidates import CandidateSet
from schemas.classified import ClassifiedRequest
from schemas.corrections import Correction
from schemas.decisions import Decision
from schemas.errors import Rejected
from schemas.feedback import Feedback
from schemas.generations import GenerationTask
from schemas.keys import key_of
from schemas.population import PopulationSums
from schemas.preferences import PreferenceProfile
from schemas.progress import Progress
from schemas.recommendations import Recommendation
from schemas.requests import Cancel, GenerationRequest
from schemas.training import TrainingEvent
from schemas.users import UserCommand
from streams.wire.limits import DEAD_LETTER_EXTRA_BYTES, MAX_MESSAGE_BYTES
from streams.wire.roles import ROLES

DAY_MS = 24 * 3600 * 1000
NOT_THE_LAST = ("too_many_open", "over_quota")
"""Codes of answers after which the same request may be asked again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """One topic; `key` and `identity` are functions of its event."""

    name: str
    kind: str
    event: type[Any]
    key: Callable[[Any], str]
    identity: Callable[[Any], str]
    cleanup: Literal["delete", "compact"] = "delete"
    retention_days: float = 7
    written_by_clients: bool = False
    awaited: bool = True
    """Whether an event is acknowledged before the next is sent; before the commit it always is."""

    @property
    def keyed_by_user(self) -> bool:
        """Whether the key names the user whom the event is about."""
        return self.key is key_of

    @property
    def ce_type(self) -> str:
        """The CloudEvents type, for instance `genre.request.v1`."""
        return f"genre.{self.kind}.v1"

    @property
    def dead_letters(self) -> str:
        """Name (without prefix) of the topic that takes what cannot be handled."""
        return f"{self.name}.dlq"


def _request(event: Any) -> str:
    return f"{key_of(event)}/{event.request_id}"


def _answer(event: Any) -> str:
    """A refusal of one who asks too much is not the last word: the client may ask again."""
    return f"{_request(event)}/{event.code}" if event.code in NOT_THE_LAST else _request(event)


def _one_a_request(
    name: str,
    kind: str,
    event: type[Any],
    *,
    identity: Callable[[Any], str] = _request,
    retention_days: float = 7,
) -> Topic:
    return Topic(
        name=name,
        kind=kind,
        event=event,
        key=key_of,
        identity=identity,
        retention_days=retention_days,
    )


TOPICS: tuple[Topic, ...] = (
    Topic(
        name="requests",
        kind="request",
        event=GenerationRequest,
        key=key_of,
        identity=_request,
        written_by_clients=True,
    ),
    _one_a_request("classified", "classified", ClassifiedRequest),
    Topic(
        name="generations", kind="generation", event=GenerationTask, key=_request, identity=_request
    ),
    _one_a_request("candidates", "candidates", CandidateSet),
    _one_a_request("recommendations", "recommendation", Recommendation, identity=_answer),
    _one_a_request("decisions", "decision", Decision, retention_days=365),
    Topic(
        name="progress",
        kind="progress",
        event=Progress,
        key=lambda event: event.request_id or event.genre,
        identity=lambda event: (
            f"{event.user_id}/{event.request_id}/{event.genre}/{event.index}/{event.sequence}/{event.step}"
            f"/{event.job}/{event.state}"
        ),
        retention_days=0.125,
        awaited=False,
    ),
    Topic(
        name="cancellations",
        kind="cancel",
        event=Cancel,
        key=lambda event: event.request_id,
        identity=_request,
        retention_days=0.125,
        written_by_clients=True,
    ),
    Topic(
        name="feedback",
        kind="feedback",
        event=Feedback,
        key=key_of,
        identity=lambda event: f"{key_of(event)}/{event.feedback_id}",
        written_by_clients=True,
        retention_days=365,
    ),
    Topic(
        name="users",
        kind="user",
        event=UserCommand,
        key=key_of,
        identity=lambda event: f"{key_of(event)}/{event.kind}/{event.time}",
        written_by_clients=True,
        retention_days=400,
    ),
    Topic(
        name="corrections",
        kind="correction",
        event=Correction,
        key=lambda event: f"{key_of(event)}/{event.genre}",
        identity=lambda event: f"{key_of(event)}/{event.genre}/{event.time}",
        cleanup="compact",
    ),
    Topic(
        name="preferences",
        kind="preferences",
        event=PreferenceProfile,
        key=key_of,
        identity=lambda event: f"{key_of(event)}/{event.time}",
        cleanup="compact",
    ),
    Topic(
        name="population",
        kind="population",
        event=PopulationSums,
        key=lambda event: f"{event.tenant or ''}/{event.partition}",
        identity=lambda event: f"{event.tenant or ''}/{event.partition}/{event.time}",
        cleanup="compact",
    ),
    Topic(
        name="training",
        kind="training",
        event=TrainingEvent,
        key=lambda event: event.genre,
        identity=lambda event: (
            f"{event.tenant or ''}/{event.genre}/{event.kind}/{event.job or event.document}"
            f"/{event.digest or sha256((event.text or '').encode()).hexdigest()}"
        ),
        written_by_clients=True,
    ),
    Topic(
        name="adapters",
        kind="adapter",
        event=AdapterEvent,
        key=lambda event: event.name,
        identity=lambda event: f"{event.name}/{event.kind}/{event.time}/{event.erased}",
        cleanup="compact",
    ),
)

BY_NAME = {topic.name: topic for topic in TOPICS}
BY_EVENT = {topic.event: topic for topic in TOPICS}


def named(name: str, prefix: str = "genre.") -> Topic:
    """The topic of that name, with or without the prefix.

    Raises Rejected (unknown_topic) with the names there are.
    """
    try:
        return BY_NAME[name.removeprefix(prefix)]
    except KeyError:
        known = ", ".join(BY_NAME)
        raise Rejected(
            "unknown_topic", f"Expected one of the topics {known}, got {name!r}."
        ) from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """What Kafka must be told about one topic: full name and settings."""

    name: str
    config: dict[str, str]


def declarations(prefix: str) -> tuple[Declaration, ...]:
    """Every topic to create: the events', their dead letters' and the tables' changelogs."""
    events = [Declaration(name=prefix + topic.name, config=_config(topic)) for topic in TOPICS]
    letters = [
        Declaration(name=prefix + topic.dead_letters, config=_letter_config()) for topic in TOPICS
    ]
    changelogs = [
        Declaration(name=changelog(prefix, role.name, table), config=_compacted())
        for role in ROLES.values()
        for table in role.tables
    ]
    return (*events, *letters, *changelogs)


def changelog(prefix: str, role: str, table: str) -> str:
    """The changelog topic of one role's table, as Faust names it."""
    return f"{prefix}{role}-{table}-changelog"


def _config(topic: Topic) -> dict[str, str]:
    base = _compacted() if topic.cleanup == "compact" else _deleted(topic.retention_days)
    return base | {"max.message.bytes": str(MAX_MESSAGE_BYTES)}


def _letter_config() -> dict[str, str]:
    return _deleted(30) | {"max.message.bytes": str(MAX_MESSAGE_BYTES + DEAD_LETTER_EXTRA_BYTES)}


def _deleted(days: float) -> dict[str, str]:
    return {"cleanup.policy": "delete", "retention.ms": str(int(days * DAY_MS))}


def _compacted() -> dict[str, str]:
    # Recovery reads what compaction has not removed yet: at most a fifth, and the newest segment.
    # What was deleted is gone a day later, however little is written.
    return {
        "cleanup.policy": "compact",
        "segment.bytes": str(16 * 2**20),
        "min.cleanable.dirty.ratio": "0.2",
        "max.compaction.lag.ms": str(DAY_MS),
    }
