"""Creating and checking topics, and the least access rights of each role."""

from __future__ import annotations

from dataclasses import dataclass

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import TopicAlreadyExistsError, for_code

from schemas.errors import NotReady
from streams.clients.kafka import admin
from streams.settings import Settings
from streams.wire.roles import ROLES, Role
from streams.wire.topics import BY_NAME, declarations


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessRule:
    """One ACL: `principal` may do `operation` on a resource.

    The name of the resource is `name`, or starts with it.
    """

    principal: str
    resource: str
    name: str
    pattern: str
    operation: str


async def create(settings: Settings) -> list[str]:
    """Create missing topics and return their names. Raises NotReady when the cluster refuses."""
    client = admin(settings)
    await client.start()
    try:
        there = set(await client.list_topics())
        missing = [
            declared for declared in declarations(settings.prefix) if declared.name not in there
        ]
        if missing:
            response = await client.create_topics(
                [_new(declared.name, declared.config, settings) for declared in missing]
            )
            for answer in response.to_object()["topic_errors"]:
                error = for_code(answer["error_code"])
                if answer["error_code"] and error is not TopicAlreadyExistsError:
                    raise NotReady(
                        "topic_refused",
                        f"Kafka refused to create the topic {answer['topic']}: {error.__name__}.",
                    )
        return [declared.name for declared in missing]
    finally:
        await client.close()


async def check(settings: Settings) -> list[str]:
    """What is wrong with the topics, one line each; empty when all is well.

    Retention is the operator's choice; a cleanup policy or a size limit that loses records is not,
    nor is a compaction that never comes: what was erased would stay.
    """
    client = admin(settings)
    await client.start()
    try:
        wrong, there = await _misshapen(client, settings)
        # The embedded broker has no such settings.
        return wrong if settings.embedded else wrong + await _misconfigured(client, settings, there)
    finally:
        await client.close()


async def require(settings: Settings) -> None:
    """Check that every topic is there with the right number of partitions.

    Raises NotReady (topics) with one line otherwise.
    """
    client = admin(settings)
    await client.start()
    try:
        wrong, _ = await _misshapen(client, settings)
    finally:
        await client.close()
    if wrong:
        more = f" (and {len(wrong) - 1} more; see `genre topics check`)" if len(wrong) > 1 else ""
        raise NotReady("topics", wrong[0] + more)


async def _misshapen(client: AIOKafkaAdminClient, settings: Settings) -> tuple[list[str], set[str]]:
    """Topics that are missing or differ in partitions, one line each; and those that are there."""
    names = [declared.name for declared in declarations(settings.prefix)]
    there = set(names) & set(await client.list_topics())
    described = await client.describe_topics(sorted(there))
    missing = [f"{name}: missing; run `genre topics create`" for name in names if name not in there]
    return missing + [
        f"{topic['topic']}: has {len(topic['partitions'])} partitions, "
        f"GENRE_PARTITIONS says {settings.partitions}; "
        "the number is fixed at creation, use another GENRE_PREFIX and replay to change it"
        for topic in described
        if len(topic["partitions"]) != settings.partitions
    ], there


async def _misconfigured(
    client: AIOKafkaAdminClient, settings: Settings, there: set[str]
) -> list[str]:
    answers = await client.describe_configs(
        [ConfigResource(ConfigResourceType.TOPIC, name) for name in sorted(there)]
    )
    found = {
        resource["resource_name"]: {
            entry["config_names"]: entry["config_value"] for entry in resource["config_entries"]
        }
        for each in answers
        for resource in each.to_object()["resources"]
    }
    return [
        f"{declared.name}: {setting} is {found[declared.name][setting]}, expected {expected}; "
        "set it with kafka-configs --alter"
        for declared in declarations(settings.prefix)
        if declared.name in found
        for setting, expected in declared.config.items()
        if not _serves(setting, found[declared.name][setting], expected)
    ]


def _serves(setting: str, found: str, expected: str) -> bool:
    match setting:
        case "cleanup.policy":
            return found == expected
        case "max.message.bytes":
            return int(found) >= int(expected)
        case "max.compaction.lag.ms":
            return int(found) <= int(expected)
    return True


def access_rules(settings: Settings) -> list[AccessRule]:
    """The least rights of each role, as `User:genre-<role>`.

    Each also writes the dead letters of what it reads, and publishes again, under the right key,
    what it reads about users.
    """
    rules: list[AccessRule] = []
    for role in ROLES.values():
        principal, application = f"User:genre-{role.name}", settings.topic(role.name)
        read = tuple(dict.fromkeys((*role.reads, *role.follows)))
        again = (name for name in read if BY_NAME[name].keyed_by_user)
        written = (*dict.fromkeys((*role.writes, *again)), *(f"{name}.dlq" for name in read))
        grants = [("Topic", settings.topic(name), "Literal", "Read") for name in read]
        grants += [("Topic", settings.topic(name), "Literal", "Write") for name in written]
        if role.agents:
            grants += [
                ("Topic", f"{application}-", "Prefixed", operation)
                for operation in ("Read", "Write", "Describe")
            ]
            grants += [("Group", application, "Literal", "Read")]
        grants += [("Topic", prefix, "Prefixed", "Write") for prefix in _replies(role, settings)]
        grants += _of_a_door(role, settings)
        grants += [("Topic", settings.prefix, "Prefixed", "Describe")]
        rules += [
            AccessRule(principal=principal, resource=r, name=n, pattern=p, operation=o)
            for r, n, p, o in grants
        ]
    return rules


def _of_a_door(role: Role, settings: Settings) -> list[tuple[str, str, str, str]]:
    """What a role without agents shows and relays, and what it is operated with.

    It asks how far every group is and since when something waits, and replays dead letters: onto
    any topic, with a mark behind each letter, in a transaction.
    """
    if not role.relays:
        return []
    shown = [("Topic", settings.topic(name), "Literal", "Read") for name in role.shows]
    names = [name for each in BY_NAME.values() for name in (each.name, each.dead_letters)]
    operated = [
        ("Topic", settings.topic(name), "Literal", operation)
        for name in names
        for operation in ("Read", "Write")
    ]
    groups = [
        ("Group", settings.topic(each.name), "Literal", "Describe")
        for each in ROLES.values()
        if each.agents
    ]
    replays = [
        ("TransactionalId", settings.topic(""), "Prefixed", operation)
        for operation in ("Write", "Describe")
    ]
    return [*shown, *operated, *groups, *replays]


def _replies(role: Role, settings: Settings) -> tuple[str, ...]:
    return settings.reply_prefix_list if "recommendations" in role.writes else ()


def _new(name: str, config: dict[str, str], settings: Settings) -> NewTopic:
    return NewTopic(
        name=name,
        num_partitions=settings.partitions,
        replication_factor=settings.replication,
        topic_configs={} if settings.embedded else config | _safety(settings),
    )


def _safety(settings: Settings) -> dict[str, str]:
    # With three copies, acknowledged records survive a broker's loss, and writing goes on.
    return {"min.insync.replicas": "2"} if settings.replication >= 3 else {}
