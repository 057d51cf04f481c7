"""The declaration of every topic: names, keys, partitions, retention and changelogs."""

from __future__ import annotations

import re

import pytest

from schemas.errors import Rejected
from streams.wire.limits import MAX_MESSAGE_BYTES
from streams.wire.roles import ROLES
from streams.wire.topics import (
    BY_NAME,
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
