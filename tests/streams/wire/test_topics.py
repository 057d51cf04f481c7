"""The declaration of every topic: names, keys, partitions, retention and changelogs."""

from __future__ import annotations

import re

import pytest

from schemas.errors import Rejected
from streams.clients.topic_admin import access_rules
from streams.settings import Settings
from streams.wire.roles import ROLES
from streams.wire.topics import (
    BY_NAME,
    MAX_MESSAGE_BYTES,
    TOPICS,
    changelog,
    declarations,
    named,
)

DECLARED = {declared.name: declared.config for declared in declarations("genre.")}

DESIGNED = {
    "requests",
    "classified",
    "generations",
    "candidates",
    "recommendations",
    "decisions",
    "progress",
    "cancellations",
    "feedback",
    "users",
    "corrections",
    "preferences",
    "population",
    "training",
    "adapters",
}
KEYED_BY_USER = {
    "requests",
    "classified",
    "candidates",
    "recommendations",
    "decisions",
    "feedback",
    "users",
    "preferences",
}


def test_no_topic_of_the_design_is_gone() -> None:
    assert set(BY_NAME) >= DESIGNED


def test_user_topics_are_keyed_by_the_user() -> None:
    assert {name for name in DESIGNED if BY_NAME[name].keyed_by_user} == KEYED_BY_USER


def test_what_must_be_kept_for_ever_is_compacted() -> None:
    compacted = {topic.name for topic in TOPICS if topic.cleanup == "compact"}
    assert compacted & DESIGNED == {"corrections", "preferences", "population", "adapters"}
    for name in compacted:
        assert DECLARED[f"genre.{name}"]["cleanup.policy"] == "compact"
        assert "retention.ms" not in DECLARED[f"genre.{name}"]


def test_commands_of_users_outlive_what_they_are_about() -> None:
    # An erasure must be replayed after every decision and reaction that it erases.
    assert BY_NAME["users"].retention_days >= max(
        BY_NAME["decisions"].retention_days, BY_NAME["feedback"].retention_days
    )


def test_every_topic_has_its_dead_letters_and_every_table_its_changelog() -> None:
    assert {f"genre.{topic.name}" for topic in TOPICS} <= set(DECLARED)
    assert {f"genre.{topic.name}.dlq" for topic in TOPICS} <= set(DECLARED)
    changelogs = {
        changelog("genre.", role.name, table) for role in ROLES.values() for table in role.tables
    }
    assert {DECLARED[name]["cleanup.policy"] for name in changelogs} == {"compact"}
    assert len(DECLARED) == 2 * len(TOPICS) + len(changelogs)


def test_a_letter_may_be_larger_than_what_it_is_about() -> None:
    for topic in TOPICS:
        letters = int(DECLARED[f"genre.{topic.name}.dlq"]["max.message.bytes"])
        assert (
            int(DECLARED[f"genre.{topic.name}"]["max.message.bytes"]) == MAX_MESSAGE_BYTES < letters
        )


def test_names_are_legal_and_types_unique() -> None:
    assert all(re.fullmatch(r"[A-Za-z0-9._-]{1,249}", name) for name in DECLARED)
    assert len({topic.ce_type for topic in TOPICS}) == len(TOPICS)
    assert BY_NAME["requests"].ce_type == "genre.request.v1"


def test_a_topic_is_found_with_and_without_its_prefix() -> None:
    assert named("requests") is named("genre.requests") is BY_NAME["requests"]
    assert named("acme.requests", "acme.") is BY_NAME["requests"]


@pytest.mark.parametrize("name", ["", "request", "genre.", "../requests", "requests.dlq"])
def test_an_unknown_topic_is_refused_with_the_known_ones(name: str) -> None:
    with pytest.raises(Rejected, match="recommendations") as caught:
        named(name)
    assert caught.value.code == "unknown_topic"


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
    for role in ROLES:
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
    for role in ROLES:
        groups = {
            r.name
            for r in access_rules(Settings())
            if r.resource == "Group" and r.principal == f"User:genre-{role}"
        }
        assert groups == {f"genre.{role}"}


def test_rules_follow_the_prefix_and_the_reply_prefixes() -> None:
    rules = access_rules(Settings(prefix="acme.", reply_prefixes="inbox-,answers."))
    topics = {rule.name for rule in rules if rule.resource == "Topic"}
    assert {"inbox-", "answers."} <= topics
    assert not any(name.startswith("genre.") for name in topics)
