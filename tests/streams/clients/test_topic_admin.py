"""Topics are created with their settings and checked; each role has the least rights."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from schemas.errors import NotReady
from streams.clients import topic_admin
from streams.clients.embedded_broker import EmbeddedBroker
from streams.clients.kafka import admin
from streams.clients.topic_admin import access_rules
from streams.settings import Settings
from streams.wire.limits import MAX_MESSAGE_BYTES
from streams.wire.roles import ROLES
from streams.wire.topics import BY_NAME, TOPICS, declarations


async def test_topics_are_created_once_and_checked(broker: EmbeddedBroker) -> None:
    settings = broker.settings
    assert await topic_admin.create(settings) == []
    assert await topic_admin.check(settings) == []
    await topic_admin.require(settings)
    fresh = replace(settings, prefix="another.")
    missing = await topic_admin.check(fresh)
    assert len(missing) == len(declarations("another.")) and all(
        "genre topics create" in line for line in missing
    )
    assert sorted(await topic_admin.create(fresh)) == sorted(
        declared.name for declared in declarations("another.")
    )


async def test_another_number_of_partitions_is_refused_in_one_line(broker: EmbeddedBroker) -> None:
    with pytest.raises(NotReady) as caught:
        await topic_admin.require(replace(broker.settings, partitions=3))
    assert "has 2 partitions, GENRE_PARTITIONS says 3" in caught.value.message
    assert "\n" not in caught.value.message


@pytest.mark.kafka
async def test_topics_get_their_settings(on_kafka: Settings) -> None:
    assert await topic_admin.create(on_kafka) == []
    assert await topic_admin.check(on_kafka) == []
    assert len(await topic_admin.check(replace(on_kafka, partitions=5))) == len(
        declarations(on_kafka.prefix)
    )
    client = admin(on_kafka)
    await client.start()
    try:
        asked = [
            ConfigResource(ConfigResourceType.TOPIC, each.name)
            for each in declarations(on_kafka.prefix)
        ]
        answers = await client.describe_configs(asked)
    finally:
        await client.close()
    found = {
        resource[3]: {entry[0]: entry[1] for entry in resource[4]}
        for answer in answers
        for resource in answer.resources
    }
    for declared in declarations(on_kafka.prefix):
        assert found[declared.name].items() >= declared.config.items(), declared.name


@pytest.mark.kafka
async def test_a_topic_that_would_lose_records_is_told(on_kafka: Settings) -> None:
    name = on_kafka.topic("preferences")
    declared = next(each.config for each in declarations(on_kafka.prefix) if each.name == name)
    client = admin(on_kafka)
    await client.start()
    try:
        for change, told in (
            ({"cleanup.policy": "delete"}, "cleanup.policy is delete, expected compact"),
            (
                {"max.message.bytes": "1000"},
                f"max.message.bytes is 1000, expected {MAX_MESSAGE_BYTES}",
            ),
        ):
            await client.alter_configs(
                [ConfigResource(ConfigResourceType.TOPIC, name, configs=declared | change)]
            )
            line = f"{name}: {told}; set it with kafka-configs --alter"
            async with asyncio.timeout(20):
                while await topic_admin.check(on_kafka) != [line]:
                    await asyncio.sleep(0.1)
    finally:
        await client.close()


def granted(role: str, operation: str) -> set[str]:
    return {
        rule.name
        for rule in access_rules(Settings())
        if (rule.principal, rule.resource, rule.operation)
        == (f"User:genre-{role}", "Topic", operation)
    }


def test_a_role_has_the_rights_that_its_work_needs_and_no_more() -> None:
    assert granted("classify", "Read") == {
        "genre.requests",
        "genre.adapters",
        "genre.corrections",
        "genre.classify-",
    }
    assert "genre.recommendations" in granted("recommend", "Write")
    assert "genre.recommendations" not in granted("classify", "Write") | granted(
        "generate", "Write"
    )
    assert "genre.requests.dlq" in granted("classify", "Write")
    assert "replies." in granted("recommend", "Write")
    assert "replies." not in granted("generate", "Write")


def test_no_role_may_write_what_clients_write_unless_to_put_it_right() -> None:
    for role in ROLES.keys() - {"gateway"}:
        written = granted(role, "Write") & {
            f"genre.{topic.name}" for topic in TOPICS if topic.written_by_clients
        }
        read = granted(role, "Read")
        # What a user accepts becomes a text to train on where the tenant has opted in.
        assert written <= read | ({"genre.training"} if role == "recommend" else set()), role


def test_every_user_topic_that_a_role_reads_it_may_also_write() -> None:
    # A record with another key than its user's is published again on its own topic.
    for role in ROLES.values():
        needed = {f"genre.{name}" for name in role.reads if BY_NAME[name].keyed_by_user}
        assert needed <= granted(role.name, "Write"), role.name


def test_a_role_joins_its_own_group_only() -> None:
    for role in [each.name for each in ROLES.values() if each.agents]:
        groups = {
            r.name
            for r in access_rules(Settings())
            if r.resource == "Group" and r.principal == f"User:genre-{role}"
        }
        assert groups == {f"genre.{role}"}


def test_the_gateway_operates_every_topic_and_joins_no_group() -> None:
    names = {f"genre.{name}" for each in TOPICS for name in (each.name, each.dead_letters)}
    assert granted("gateway", "Write") == granted("gateway", "Read") == names
    rules = [r for r in access_rules(Settings()) if r.principal == "User:genre-gateway"]
    groups = {(r.name, r.operation) for r in rules if r.resource == "Group"}
    assert groups == {(f"genre.{role.name}", "Describe") for role in ROLES.values() if role.agents}
    replays = {(r.name, r.pattern) for r in rules if r.resource == "TransactionalId"}
    assert replays == {("genre.", "Prefixed")}


def test_rules_follow_the_prefix_and_the_reply_prefixes() -> None:
    rules = access_rules(Settings(prefix="acme.", reply_prefixes="inbox-,answers."))
    topics = {rule.name for rule in rules if rule.resource == "Topic"}
    assert {"inbox-", "answers."} <= topics
    assert not any(name.startswith("genre.") for name in topics)
